"""The rows of a test set that are worth reading."""

import numpy as np

from ulmfit_keras.evaluation.checks import column
from ulmfit_keras.evaluation.metrics import wrong_rows


def confident_mistakes(
    texts,
    truth,
    predictions,
    problem_type="single_label",
    count=12,
    thresholds=0.5,
):
    """The rows that a model gets most wrong, worst first.

    Texts that occur more than once are given once. Wrong labels in the data
    gather here, so it is the first place to look for them.

    Args:
        texts: the N texts.
        truth: int [N] class indices, 0/1 [N, C], or float [N] or [N, 1].
        predictions: float [N, C] probabilities, or [N] or [N, 1] values.
        problem_type: `"single_label"`: wrong rows by the probability of the
            wrong class; `"multi_label"`: by that of the worst decision;
            `"regression"`: all rows by their distance.
        count: the most rows to give.
        thresholds: of a multi-label classifier.

    Returns:
        A list of row indices.

    Raises:
        ValueError: if a regression has several numbers a row.

    Example:

    >>> probabilities = [[0.9, 0.1], [0.4, 0.6], [0.8, 0.2]]
    >>> confident_mistakes(["a", "b", "c"], [0, 0, 1], probabilities)
    [2, 1]
    """
    truth, predictions = np.asarray(truth), np.asarray(predictions)
    if problem_type == "regression":
        rows = np.arange(len(truth))
        score = np.abs(column(truth) - column(predictions))
    else:
        rows = np.flatnonzero(
            wrong_rows(truth, predictions, problem_type, thresholds)
        )
        if problem_type == "multi_label":
            score = _distances(truth, predictions, thresholds).max(-1)
        else:
            score = predictions.max(-1)
    ranked = rows[np.argsort(-score[rows], kind="stable")]
    return _first_of_each_text(texts, ranked, count)


def worst_labels(truth, probabilities, thresholds=0.5):
    """For each row of a multi-label problem the label that is most wrong.

    Args:
        truth: 0/1 [N, C].
        probabilities: float [N, C].
        thresholds: float or [C].

    Returns:
        int [N], label indices; 0 for a row that is right.

    Example:

    >>> worst_labels([[1, 0]], [[0.4, 0.9]]).tolist()
    [1]
    """
    truth, probabilities = np.asarray(truth), np.asarray(probabilities)
    return _distances(truth, probabilities, thresholds).argmax(-1)


def clear_examples(texts, truth, probabilities, count=6):
    """For each class the row that the model gets right with most confidence.

    Args:
        texts: the N texts.
        truth: int [N], class indices.
        probabilities: float [N, C].
        count: the most rows to give; with more classes than this, those of
            the classes that occur most often.

    Returns:
        A list of row indices, in the order of the classes.

    Example:

    >>> probabilities = [[0.8, 0.2], [0.9, 0.1], [0.3, 0.7]]
    >>> clear_examples(["a", "b", "c"], [0, 0, 1], probabilities)
    [1, 2]
    """
    truth, probabilities = np.asarray(truth), np.asarray(probabilities)
    right = ~wrong_rows(truth, probabilities)
    often = np.argsort(
        -np.bincount(truth, minlength=probabilities.shape[1]), kind="stable"
    )
    rows = []
    for index in sorted(often[:count]):
        candidates = np.flatnonzero(right & (truth == index))
        if len(candidates):
            best = np.argmax(probabilities[candidates, index])
            rows.append(candidates[best])
    return _first_of_each_text(texts, rows, count)


def _distances(truth, probabilities, thresholds):
    wrong = (probabilities >= np.asarray(thresholds)) != truth
    return np.where(wrong, np.abs(probabilities - truth), 0)


def _first_of_each_text(texts, rows, count):
    chosen, seen = [], set()
    for row in rows:
        if len(chosen) == count:
            break
        if texts[row] not in seen:
            seen.add(texts[row])
            chosen.append(int(row))
    return chosen
