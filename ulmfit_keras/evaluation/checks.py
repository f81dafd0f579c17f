"""Refuse numbers that no metric can be taken of, and say what is wrong."""

import numpy as np

PROBLEM_TYPES = ("single_label", "multi_label", "regression")


def check_problem_type(problem_type):
    if problem_type not in PROBLEM_TYPES:
        raise ValueError(
            f"`problem_type` must be one of {PROBLEM_TYPES}. "
            f"Received: problem_type={problem_type!r}"
        )


def column(values):
    """The numbers of a regression, [N] or [N, 1], as float64 [N]."""
    values = np.asarray(values, "float64")
    if values.ndim == 2 and values.shape[1] == 1:
        return values[:, 0]
    if values.ndim != 1:
        raise ValueError(
            "A regression must have one number a row; of several, look at each "
            f"by itself. Received: shape {values.shape}"
        )
    return values


def checked(truth, probabilities, labels, truth_ndim):
    truth = np.asarray(truth)
    probabilities = np.asarray(probabilities, "float64")
    labels = [str(label) for label in (() if labels is None else labels)]
    expected = (len(truth), len(labels))
    shape = expected[:truth_ndim]
    if (
        probabilities.shape != expected
        or truth.shape != shape
        or not truth.size
    ):
        raise ValueError(
            "`truth` and `probabilities` must have one row per text, and "
            "`probabilities` one column per label. Received: shapes "
            f"{truth.shape} and {probabilities.shape}, {len(labels)} labels"
        )
    check_finite(probabilities, "probabilities")
    return truth, probabilities, labels


def check_finite(values, name):
    bad = np.flatnonzero(~np.isfinite(values).reshape(len(values), -1).all(-1))
    if len(bad):
        raise ValueError(
            f"`{name}` must be finite; the model has diverged or its input is "
            f"broken. Received: {len(bad)} rows that are not, the first: "
            f"{bad[0]}"
        )


def check_single_label(truth, probabilities):
    if (
        truth.dtype.kind not in "iu"
        or not ((truth >= 0) & (truth < probabilities.shape[1])).all()
    ):
        raise ValueError(
            "`truth` must hold class indices from 0 to "
            f"{probabilities.shape[1] - 1}. Received: dtype {truth.dtype}, "
            f"values such as {np.unique(truth)[:5].tolist()}"
        )
    # Half precision sums to 1 within a percent.
    total = probabilities.sum(-1)
    if probabilities.min() < 0 or np.abs(total - 1).max() > 0.02:
        raise ValueError(
            "Each row of `probabilities` must sum to 1; apply a softmax to "
            f"logits first. Received: sums from {total.min():.4g} to "
            f"{total.max():.4g}, lowest value {probabilities.min():.4g}"
        )


def check_multi_label(truth, probabilities):
    if not np.isin(truth, (0, 1)).all():
        raise ValueError(
            "`truth` must hold 0 and 1 for each class. Received: values such "
            f"as {np.unique(truth)[:5].tolist()}"
        )
    if probabilities.min() < 0 or probabilities.max() > 1:
        raise ValueError(
            "`probabilities` must lie in 0…1; apply a sigmoid to logits first. "
            f"Received: values from {probabilities.min():.4g} to "
            f"{probabilities.max():.4g}"
        )
