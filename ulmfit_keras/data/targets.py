"""Labels as the arrays that a loss compares with."""

import collections

import numpy as np


def label_names(labels, problem_type="single_label"):
    """The different labels in a fixed order, as texts.

    Args:
        labels: list of labels (str or int), of lists of them for
            `"multi_label"`, of numbers for `"regression"`.
        problem_type: as in `AWDLSTMTextClassifier`.

    Returns:
        A sorted list of str (numbers by value), or None for a regression.

    Raises:
        ValueError: if there are fewer than two different labels to tell
            apart, or labels of mixed type.
    """
    if problem_type == "regression":
        return None
    if problem_type == "multi_label":
        labels = [label for row in labels for label in row]
    kinds = {isinstance(label, str) for label in labels}
    if len(kinds) > 1:
        raise ValueError(
            "Labels must be all texts or all numbers, since 1 and '1' would "
            f"become one class. Received: {sorted(set(map(repr, labels)))}"
        )
    names = [str(label) for label in sorted(set(labels))]
    if len(names) < 2 and problem_type == "single_label":
        raise ValueError(
            "A classifier needs rows of at least two classes. "
            f"Received: labels of {len(names)} class(es), {names}"
        )
    return names


def encode_labels(labels, names, problem_type="single_label"):
    """Labels as targets.

    Args:
        labels: list of N labels, see `label_names`.
        names: list of C str, or None for a regression.
        problem_type: as in `AWDLSTMTextClassifier`.

    Returns:
        int32 (N,) class numbers; float32 (N, C) of 0 and 1 for
        `"multi_label"`; float32 (N, K) for `"regression"`.

    Raises:
        ValueError: if a label is not among the names; it tells which and
            where.
    """
    if problem_type == "regression":
        return np.asarray(labels, "float32").reshape(len(labels), -1)
    numbers = {name: number for number, name in enumerate(names)}
    rows = labels if problem_type == "multi_label" else [[x] for x in labels]
    unseen = [
        (place, label)
        for place, row in enumerate(rows)
        for label in row
        if str(label) not in numbers
    ]
    if unseen:
        raise ValueError(
            "Every label must occur in the training data; add rows of the "
            "class there or drop these. Known labels: "
            f"{names}. Received: (row, label) {unseen[:10]}"
            f"{' …' if len(unseen) > 10 else ''}"
        )
    if problem_type == "single_label":
        return np.array([numbers[str(x)] for x in labels], "int32")
    targets = np.zeros((len(labels), len(names)), "float32")
    for place, row in enumerate(rows):
        targets[place, [numbers[str(label)] for label in row]] = 1.0
    return targets


def sample_weights(labels, class_weight):
    """How much each row counts in the loss.

    Args:
        labels: list of N labels of a single-label problem.
        class_weight: dict from every label to its weight, `"balanced"` for
            weights N / (C * count) that give all classes the same say, or
            None.

    Returns:
        float32 (N,), or None where `class_weight` is.

    Raises:
        ValueError: if the dict leaves out a label or names one that no row
            has.
    """
    if class_weight is None:
        return None
    counts = collections.Counter(map(str, labels))
    if class_weight == "balanced":
        class_weight = {
            label: len(labels) / (len(counts) * count)
            for label, count in counts.items()
        }
    class_weight = {str(label): w for label, w in class_weight.items()}
    if set(class_weight) != set(counts):
        raise ValueError(
            "`class_weight` must give one weight to each label of the "
            f"training rows, {sorted(counts)}. "
            f"Received: class_weight={class_weight}"
        )
    return np.array([class_weight[str(x)] for x in labels], "float32")
