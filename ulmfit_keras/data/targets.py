"""Labels as the arrays that a loss compares with."""

import collections
import math

import numpy as np

from ulmfit_keras.data.errors import DataError
from ulmfit_keras.data.errors import listing
from ulmfit_keras.data.table_cells import BadCell
from ulmfit_keras.data.table_cells import check_one_type
from ulmfit_keras.data.table_cells import parse_class
from ulmfit_keras.data.table_cells import refuse_indicators
from ulmfit_keras.data.tables import TextTable

_LARGEST = float(np.finfo("float32").max)  # that a model can predict


def label_names(labels, problem_type="single_label"):
    """The different labels in a fixed order, as texts.

    Args:
        labels: list of labels (str or int; a whole float, which pandas makes
            of an int beside gaps, counts as int), of lists of them for
            `"multi_label"`, of numbers for `"regression"`; or a `TextTable`
            with such labels, whose rows errors then name.
        problem_type: as in `AWDLSTMTextClassifier`.

    Returns:
        A sorted list of str (numbers by value), or None for a regression.

    Raises:
        DataError: if there are labels of mixed type, no label, only one in
            a single-label problem or a regression, a row without one (None,
            NaN, empty), a label that is neither a text nor a whole number, or
            a row of a multi-label problem is no list.

    Example:

    >>> label_names(["pos", "neg", "pos"])
    ['neg', 'pos']
    """
    if problem_type == "regression":
        _check_different(labels)
        return None
    labels, rows, source = _parsed(labels, problem_type)
    check_one_type(labels, rows, source)
    rows_of = _rows_of_labels(labels, rows, problem_type)
    least = 2 if problem_type == "single_label" else 1
    if len(rows_of) < least:
        raise DataError(
            f"A classifier needs rows of {least} classes or more; add some "
            f"to {source}. Received: {_places(rows_of) or 'no label'}"
        )
    return [str(label) for label in sorted(rows_of)]


def encode_labels(labels, names, problem_type="single_label"):
    """Labels as targets.

    Args:
        labels: list of N labels or a `TextTable`, see `label_names`.
        names: list of C str or int, or None for a regression.
        problem_type: as in `AWDLSTMTextClassifier`.

    Returns:
        int32 (N,) class numbers; float32 (N, C) of 0 and 1 for
        `"multi_label"`; float64 (N, K) for `"regression"`.

    Raises:
        DataError: if a label is missing or not among the names; if one of a
            regression is no finite number that float32 can hold, or rows have
            unequally many. It tells which and where.

    Example:

    >>> encode_labels(["pos", "neg"], ["neg", "pos"]).tolist()
    [1, 0]
    """
    if problem_type == "regression":
        return _numbers(labels)
    labels, rows, source = _parsed(labels, problem_type)
    rows_of = _rows_of_labels(labels, rows, problem_type, str)
    numbers = {str(name): number for number, name in enumerate(names)}
    unseen = {x: rows for x, rows in rows_of.items() if x not in numbers}
    if unseen:
        raise DataError(
            f"{source} has labels that were not trained on. Add rows of these "
            "classes to the training data, or correct or remove them here; "
            f"known labels are {listing(list(map(repr, names)))}. "
            f"Received: {_places(unseen)}"
        )
    if problem_type == "single_label":
        return np.array([numbers[str(x)] for x in labels], "int32")
    targets = np.zeros((len(labels), len(names)), "float32")
    for place, row in enumerate(labels):
        targets[place, [numbers[str(label)] for label in row]] = 1.0
    return targets


def sample_weights(labels, class_weight):
    """How much each row counts in the loss.

    Args:
        labels: list of N labels of a single-label problem, or a `TextTable`.
        class_weight: dict from every label to its weight, `"balanced"` for
            weights N / (C * count) that give all classes the same say, or
            None.

    Returns:
        float32 (N,), or None where `class_weight` is.

    Raises:
        DataError: if the dict leaves out a label, or names one that no row
            has.
        ValueError: if `class_weight` is something else, or a weight is not
            finite and at least 0.

    Example:

    >>> sample_weights(["a", "a", "a", "b"], "balanced").tolist()
    [0.666..., 0.666..., 0.666..., 2.0]
    """
    if class_weight is None:
        return None
    labels, rows, source = _parsed(labels, "single_label")
    rows_of = _rows_of_labels(labels, rows, "single_label", str)
    if class_weight == "balanced":
        class_weight = {
            label: len(labels) / (len(rows_of) * len(rows))
            for label, rows in rows_of.items()
        }
    if not isinstance(class_weight, dict) or not all(
        0 <= weight < math.inf for weight in class_weight.values()
    ):
        raise ValueError(
            '`class_weight` must be "balanced" or a dict from labels to finite '
            "weights of at least 0. "
            f"Received: class_weight={class_weight!r}"
        )
    class_weight = {str(label): w for label, w in class_weight.items()}
    without = {x: rows for x, rows in rows_of.items() if x not in class_weight}
    unused = [repr(name) for name in class_weight if name not in rows_of]
    if without or unused:
        raise DataError(
            "`class_weight` must give one weight to each label of "
            f"{source}, and to no other. Received: no weight for "
            f"{_places(without) or 'no label'}; weights for "
            f"{listing(unused) or 'no label'} that no row has"
        )
    return np.array([class_weight[str(x)] for x in labels], "float32")


def _split_table(labels):
    """(labels, what each row is called, where they come from)."""
    if isinstance(labels, TextTable):
        if labels.labels is None:
            raise DataError(
                f"{labels.source} must have labels; name their column by "
                "`label_column`. "
                "Received: a table without labels"
            )
        return labels.labels, labels.rows, labels.source
    return labels, [f"row {row}" for row in range(len(labels))], "the labels"


def _parsed(labels, problem_type):
    """As `_split_table`, each label a str, an int or a list of them."""
    labels, rows, source = _split_table(labels)
    if problem_type == "multi_label":
        _check_lists(labels, rows, source)
    parse = _parse_classes if problem_type == "multi_label" else parse_class
    parsed, bad = [], []
    for label, row in zip(labels, rows, strict=True):
        try:
            parsed.append(parse(label))
        except BadCell as error:
            bad.append(f"{row}: {error}")
    if bad:
        raise DataError(
            f"{len(bad)} of {len(rows)} rows of {source} cannot be used. "
            f"Correct them, or leave them out. Received: {listing(bad)}"
        )
    if problem_type == "multi_label" and _is_matrix(parsed):
        raise DataError(
            f"Rows of {source} that all have both classes 0 and 1 look like a "
            "0/1 matrix of two columns: give the names of the classes that a "
            f"row has. Received: {parsed[:3]}"
        )
    return parsed, rows, source


def _is_matrix(labels):
    """Whether all rows are 0 1 or 1 0; one row alone does not tell."""
    return len(labels) > 1 and all(
        sorted(map(str, row)) == ["0", "1"] for row in labels
    )


def _parse_classes(labels):
    names = list(map(parse_class, labels))
    refuse_indicators(names)
    return names


def _rows_of_labels(labels, rows, problem_type, convert=None):
    """{label: [rows]}."""
    rows_of = collections.defaultdict(list)
    for label, row in zip(labels, rows, strict=True):
        for one in label if problem_type == "multi_label" else [label]:
            rows_of[convert(one) if convert else one].append(row)
    return rows_of


def _check_different(labels):
    values = _numbers(labels)
    if not (values != values[:1]).any():
        _, _, source = _split_table(labels)
        raise DataError(
            f"A regression needs rows of 2 values or more; look at {source}, "
            f"and whether its labels are in another column. Received: "
            f"{len(values)} rows, all with {values[:1].tolist()}"
        )


def _check_lists(labels, rows, source):
    # The characters of a text would be taken for labels.
    single = [
        f"{label!r} in {row}"
        for label, row in zip(labels, rows, strict=True)
        if isinstance(label, str) or not hasattr(label, "__iter__")
    ]
    if single:
        raise DataError(
            f"In a multi-label problem each row of {source} must have a list "
            'of labels; where each has one, take problem_type="single_label". '
            f"Received: {listing(single)}"
        )


def _places(rows_of):
    return listing([f"{x!r} in {listing(rows)}" for x, rows in rows_of.items()])


def _numbers(labels):
    labels, names, source = _split_table(labels)
    wrong = [
        f"{label!r} in {name}"
        for label, name in zip(labels, names, strict=True)
        if not _is_finite(label)
    ]
    if wrong:
        raise DataError(
            f"Every label of {source} must be a finite number, of at most "
            f"{_LARGEST:.2g} in size. Received: {listing(wrong)}"
        )
    columns = {
        np.size(label): name for label, name in zip(labels, names, strict=True)
    }
    if len(columns) > 1:
        raise DataError(
            f"All rows of {source} must have equally many numbers. Received: "
            + ", ".join(f"{n} in {name}" for n, name in columns.items())
        )
    width = max(columns, default=1)
    return np.asarray(labels, "float64").reshape(len(labels), width)


def _is_finite(label):
    try:
        return (np.abs(np.asarray(label, "float64")) <= _LARGEST).all()
    except (TypeError, ValueError, OverflowError):
        return False
