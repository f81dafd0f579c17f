"""Hold out rows, or repeat them, with an eye on the labels."""

import collections

import numpy as np

from ulmfit_keras.data.errors import DataError
from ulmfit_keras.data.errors import listing

_BINS = 10


def stratified_split(labels, fraction=0.1, seed=0, problem_type=None):
    """Hold out a part of the rows in which the labels are as in the whole.

    Each class gives the same share of its rows, up to rounding, and keeps
    at least one, so that no held-out label is new to the training. Rows with
    several labels go by the rarest of them, rows of a regression by the
    tenth of the values they lie in.

    Args:
        labels: one label a row: names (str or int), lists of names for a
            multi-label problem, or floats for a regression.
        fraction: share of the rows to hold out, above 0 and below 1. At
            least one row is held out.
        seed: int, seed of the choice.
        problem_type: `"single_label"`, `"multi_label"` or `"regression"`.
            Defaults to what the type of the labels says.

    Returns:
        `(kept, held_out)`, two int64 arrays of row numbers, each rising,
        for `TextTable.select`.

    Raises:
        DataError: if no row can be held out, because no class has two rows.
        ValueError: if `fraction` is not between 0 and 1.

    Example:

    >>> stratified_split(["a"] * 4 + ["b"] * 2, fraction=0.5)[1].shape
    (3,)
    """
    if not 0 < fraction < 1:
        raise ValueError(
            "`fraction` must be above 0 and below 1. "
            f"Received: fraction={fraction}"
        )
    labels = list(labels)
    problem_type = problem_type or _problem_type(labels)
    strata = _strata(labels, problem_type)
    rng = np.random.default_rng(seed)
    classes = sorted(set(strata), key=str)
    rows_of = {c: [] for c in classes}
    for row in rng.permutation(len(strata)):
        rows_of[strata[row]].append(int(row))
    spare = np.array([len(rows_of[c]) - 1 for c in classes])
    if not spare.sum():
        shown = listing([repr(label) for label in classes[:3]])
        raise DataError(
            "A stratified split needs two rows of at least one class, but each "
            "row has a label of its own. If the labels are numbers to predict, "
            'this is problem_type="regression"; if there are more rows of each '
            "class, use them; or else the labels are in another column. "
            f"Received: {len(strata)} rows of {len(classes)} classes: "
            f"{shown or 'none'}"
        )
    total = min(max(1, round(fraction * len(strata))), spare.sum())
    expected = (spare + 1) * fraction
    numbers = np.minimum(np.floor(expected), spare).astype(int)
    # The rest goes to the classes that were rounded down most.
    order = np.argsort(numbers - expected + rng.uniform(0, 1e-6, len(spare)))
    missing = total - numbers.sum()
    while missing > 0:
        for c in order[numbers[order] < spare[order]][:missing]:
            numbers[c] += 1
            missing -= 1
    held_out = set()
    for c, number in zip(classes, numbers, strict=True):
        held_out.update(rows_of[c][:number])
    if problem_type == "multi_label":
        held_out = _known_labels_only(labels, held_out)
    kept = [row for row in range(len(strata)) if row not in held_out]
    return np.array(kept, np.int64), np.array(sorted(held_out), np.int64)


def oversample(labels, seed=0):
    """Repeat rows of the smaller classes until all are equally large.

    Args:
        labels: one name a row.
        seed: int, seed of the choice.

    Returns:
        int64 array of row numbers: every row once, then the repeated ones.
        Of a class, no row is repeated twice as often as another plus one.

    Example:

    >>> oversample(["a", "a", "b"]).tolist()
    [0, 1, 2, 2]
    """
    rng = np.random.default_rng(seed)
    rows_of = collections.defaultdict(list)
    for row, label in enumerate(labels):
        rows_of[label].append(row)
    largest = max(map(len, rows_of.values()), default=0)
    repeated = []
    for rows in rows_of.values():
        missing = largest - len(rows)
        while missing > 0:
            repeated.extend(rng.permutation(rows)[:missing].tolist())
            missing -= len(rows)
    return np.array([*range(len(labels)), *repeated], np.int64)


def _problem_type(labels):
    first = labels[0] if labels else None
    if isinstance(first, (list, tuple, set, np.ndarray)):
        return "multi_label"
    if isinstance(first, (float, np.floating)):
        return "regression"
    return "single_label"


def _strata(labels, problem_type):
    if problem_type == "multi_label":
        counts = collections.Counter(x for names in labels for x in names)
        return [
            min(names, key=lambda x: (counts[x], str(x)), default=None)
            for names in labels
        ]
    if problem_type == "regression":
        values = np.asarray(labels, np.float64).reshape(len(labels), -1)[:, 0]
        ranks = np.argsort(np.argsort(values, kind="stable"), kind="stable")
        bins = min(_BINS, max(1, len(labels) // 2))
        return (ranks * bins // max(1, len(labels))).tolist()
    return labels


def _known_labels_only(labels, held_out):
    """Without the rows that hold the only ones of a label."""
    known = {
        name
        for row, names in enumerate(labels)
        if row not in held_out
        for name in names
    }
    remaining = set()
    for row in sorted(held_out):
        if known.issuperset(labels[row]):
            remaining.add(row)
        else:
            known.update(labels[row])
    return remaining
