"""What a model got right, per class and in all, as JSON-ready dicts."""

import numpy as np

from ulmfit_keras.evaluation.calibration import calibration
from ulmfit_keras.evaluation.calibration import coverage
from ulmfit_keras.evaluation.checks import check_finite
from ulmfit_keras.evaluation.checks import check_multi_label
from ulmfit_keras.evaluation.checks import check_problem_type
from ulmfit_keras.evaluation.checks import check_single_label
from ulmfit_keras.evaluation.checks import checked
from ulmfit_keras.evaluation.checks import column
from ulmfit_keras.evaluation.comparison import wilson_interval


def prediction_metrics(truth, predictions, labels=None, problem_type=None):
    """The metrics that suit a kind of problem.

    Args:
        truth: int [N] class indices, 0/1 [N, C], or float [N] or [N, 1].
        predictions: float [N, C] probabilities, or [N] or [N, 1] values.
        labels: the C class names; not used by a regression.
        problem_type: `"single_label"` (the default), `"multi_label"` or
            `"regression"`.

    Returns:
        The dict of `classification_metrics`, `multi_label_metrics` or
        `regression_metrics`.

    Raises:
        ValueError: if shapes, ranges or the problem type are wrong.

    Example:

    >>> prediction_metrics([0, 1], [0.5, 1], problem_type="regression")["r2"]
    0.5
    """
    problem_type = problem_type or "single_label"
    check_problem_type(problem_type)
    if problem_type == "single_label":
        return classification_metrics(truth, predictions, labels)
    if problem_type == "multi_label":
        return multi_label_metrics(truth, predictions, labels)
    return regression_metrics(truth, predictions)


def classification_metrics(truth, probabilities, labels):
    """Metrics of a classifier that gives each row one class.

    Args:
        truth: int [N], class indices.
        probabilities: float [N, C], rows that sum to 1.
        labels: the C class names.

    Returns:
        A dict: `problem_type`, `rows`, `accuracy`, `test_error` (1 -
        accuracy) and its `test_error_interval` (95 %, Wilson), `macro_f1` and
        `weighted_f1` (over the classes that occur in truth or prediction, as
        scikit-learn has it), `log_loss` (nats), `per_class` (list of
        `label`, `precision`, `recall`, `f1`, `support`, `predicted`),
        `confusion_matrix` (rows: truth), `calibration` and `coverage` (see
        the functions of these names). Shares are in 0…1.

    Raises:
        ValueError: if shapes do not fit, an index is out of range, or the
            rows are no probabilities.

    Example:

    >>> metrics = classification_metrics(
    ...     [0, 1], [[0.9, 0.1], [0.6, 0.4]], ["ham", "spam"]
    ... )
    >>> metrics["test_error"]
    0.5
    """
    from sklearn import metrics

    truth, probabilities, labels = checked(
        truth, probabilities, labels, truth_ndim=1
    )
    classes = np.arange(len(labels))
    check_single_label(truth, probabilities)
    truth = truth.astype(int)
    predicted = probabilities.argmax(-1)
    right = predicted == truth
    rows = len(truth)
    precision, recall, f1, support = metrics.precision_recall_fscore_support(
        truth, predicted, labels=classes, zero_division=0
    )
    confidence = probabilities.max(-1)
    of_truth = probabilities[np.arange(rows), truth]
    wrong = int(rows - right.sum())
    return {
        "problem_type": "single_label",
        "rows": rows,
        "accuracy": float(right.mean()),
        "test_error": wrong / rows,
        "test_error_interval": list(wilson_interval(wrong, rows)),
        "macro_f1": float(
            metrics.f1_score(truth, predicted, average="macro", zero_division=0)
        ),
        "weighted_f1": float(
            metrics.f1_score(
                truth, predicted, average="weighted", zero_division=0
            )
        ),
        "log_loss": float(-np.log(np.clip(of_truth, 1e-15, 1)).mean()),
        "per_class": [
            {
                "label": labels[i],
                "precision": float(precision[i]),
                "recall": float(recall[i]),
                "f1": float(f1[i]),
                "support": int(support[i]),
                "predicted": int((predicted == i).sum()),
            }
            for i in classes
        ],
        "confusion_matrix": metrics.confusion_matrix(
            truth, predicted, labels=classes
        ).tolist(),
        "calibration": calibration(confidence, right),
        "coverage": coverage(confidence, right),
    }


def multi_label_metrics(truth, probabilities, labels, thresholds=0.5):
    """Metrics of a classifier that gives each row any number of classes.

    Args:
        truth: 0/1 [N, C].
        probabilities: float [N, C] in 0…1.
        labels: the C class names.
        thresholds: a class is given from this probability on; one float, or
            one for each class (see `best_thresholds`). Defaults to 0.5.

    Returns:
        A dict: `problem_type`, `rows`, `exact_match` (share of rows with
        every class right), `test_error` (1 - exact match) and its
        `test_error_interval`, `hamming_loss`, `micro_f1`, `macro_f1`,
        `mean_average_precision` (over the classes with a positive row),
        `thresholds`, `per_class` (with `average_precision` and `threshold`)
        and `calibration` (over all N * C decisions).

    Raises:
        ValueError: if shapes or ranges do not fit.

    Example:

    >>> truth, probabilities = [[1, 0], [0, 1]], [[0.9, 0.2], [0.6, 0.7]]
    >>> multi_label_metrics(truth, probabilities, ["a", "b"])["exact_match"]
    0.5
    """
    from sklearn import metrics

    truth, probabilities, labels = checked(
        truth, probabilities, labels, truth_ndim=2
    )
    check_multi_label(truth, probabilities)
    truth = truth.astype(int)
    thresholds = np.asarray(thresholds, "float64")
    if thresholds.shape not in ((), (len(labels),)):
        raise ValueError(
            "`thresholds` must be one number, or one for each class. Received: "
            f"shape {thresholds.shape}, {len(labels)} labels"
        )
    thresholds = np.broadcast_to(thresholds, len(labels))
    predicted = (probabilities >= thresholds).astype(int)
    per_class = []
    for i, label in enumerate(labels):
        precision, recall, f1, _ = metrics.precision_recall_fscore_support(
            truth[:, i], predicted[:, i], average="binary", zero_division=0
        )
        per_class.append(
            {
                "label": label,
                "precision": float(precision),
                "recall": float(recall),
                "f1": float(f1),
                "support": int(truth[:, i].sum()),
                "predicted": int(predicted[:, i].sum()),
                "average_precision": float(
                    metrics.average_precision_score(
                        truth[:, i], probabilities[:, i]
                    )
                )
                if truth[:, i].any()
                else None,
                "threshold": float(thresholds[i]),
            }
        )
    ranked = [
        row["average_precision"]
        for row in per_class
        if row["average_precision"] is not None
    ]
    rows = len(truth)
    wrong = int((predicted != truth).any(-1).sum())
    return {
        "problem_type": "multi_label",
        "rows": rows,
        "exact_match": 1 - wrong / rows,
        "test_error": wrong / rows,
        "test_error_interval": list(wilson_interval(wrong, rows)),
        "hamming_loss": float((predicted != truth).mean()),
        "micro_f1": float(
            metrics.f1_score(truth.ravel(), predicted.ravel(), zero_division=0)
        ),
        "macro_f1": float(np.mean([row["f1"] for row in per_class])),
        "mean_average_precision": float(np.mean(ranked)) if ranked else None,
        "thresholds": thresholds.tolist(),
        "per_class": per_class,
        "calibration": calibration(probabilities.ravel(), truth.ravel()),
    }


def best_thresholds(truth, probabilities):
    """For each class the threshold of the highest F1.

    Choose on validation rows: on test rows the result flatters itself.

    Args:
        truth: 0/1 [N, C].
        probabilities: float [N, C] in 0…1.

    Returns:
        float64 [C], 0.5 for a class without a positive row.

    Example:

    >>> best_thresholds([[0], [1]], [[0.1], [0.3]]).tolist()
    [0.3]
    """
    from sklearn.metrics import precision_recall_curve

    truth, probabilities = np.asarray(truth), np.asarray(probabilities)
    thresholds = np.full(truth.shape[1], 0.5)
    for i in range(truth.shape[1]):
        if not truth[:, i].any():
            continue
        precision, recall, candidates = precision_recall_curve(
            truth[:, i], probabilities[:, i]
        )
        f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
        thresholds[i] = candidates[np.argmax(f1[:-1])]
    return thresholds


def regression_metrics(truth, predictions):
    """Metrics of a model that gives each row a number.

    Args:
        truth: float [N] or [N, 1].
        predictions: float [N] or [N, 1].

    Returns:
        A dict: `problem_type`, `rows`, `mean_absolute_error`,
        `median_absolute_error`, `root_mean_squared_error`, `r2` and
        `spearman` (rank correlation); the last two are None where they are
        not defined (one row, or values that are all equal).

    Raises:
        ValueError: if shapes do not fit or a value is not finite.

    Example:

    >>> regression_metrics([1, 2], [1.5, 2])["mean_absolute_error"]
    0.25
    """
    from scipy.stats import spearmanr
    from sklearn import metrics

    truth = column(truth)
    predictions = column(predictions)
    if truth.shape != predictions.shape or not len(truth):
        raise ValueError(
            "`truth` and `predictions` must have the same, one or more, rows. "
            f"Received: shapes {truth.shape} and {predictions.shape}"
        )
    check_finite(truth, "truth")
    check_finite(predictions, "predictions")
    varied = len(set(truth.tolist())) > 1
    ranked = varied and len(set(predictions.tolist())) > 1
    return {
        "problem_type": "regression",
        "rows": len(truth),
        "mean_absolute_error": float(
            metrics.mean_absolute_error(truth, predictions)
        ),
        "median_absolute_error": float(
            metrics.median_absolute_error(truth, predictions)
        ),
        "root_mean_squared_error": float(
            metrics.root_mean_squared_error(truth, predictions)
        ),
        "r2": float(metrics.r2_score(truth, predictions)) if varied else None,
        "spearman": float(spearmanr(truth, predictions).statistic)
        if ranked
        else None,
    }


def wrong_rows(truth, predictions, problem_type="single_label", thresholds=0.5):
    """Which rows a classifier gets wrong, in part or whole.

    Args:
        truth: int [N] class indices, or 0/1 [N, C].
        predictions: float [N, C] probabilities.
        problem_type: `"single_label"` or `"multi_label"`.
        thresholds: of a multi-label classifier; see `multi_label_metrics`.

    Returns:
        bool [N].
    """
    truth, predictions = np.asarray(truth), np.asarray(predictions)
    if problem_type == "multi_label":
        return ((predictions >= np.asarray(thresholds)) != truth).any(-1)
    return predictions.argmax(-1) != truth
