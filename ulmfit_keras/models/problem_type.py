"""The kinds of problem that a classifier solves."""

import dataclasses
from collections.abc import Callable

import keras

_MOST_SHOWN = 10  # labels in a message


@dataclasses.dataclass(frozen=True)
class ProblemType:
    """What follows from a kind of problem.

    Attributes:
        activation: name of the activation that turns logits into outputs.
        loss: makes the loss of these outputs.
        metric: makes the metric to watch.
    """

    activation: str
    loss: Callable
    metric: Callable


PROBLEM_TYPES = {
    "single_label": ProblemType(
        "softmax",
        keras.losses.SparseCategoricalCrossentropy,
        keras.metrics.SparseCategoricalAccuracy,
    ),
    "multi_label": ProblemType(
        "sigmoid",
        keras.losses.BinaryCrossentropy,
        keras.metrics.BinaryAccuracy,
    ),
    "regression": ProblemType(
        "linear",
        keras.losses.MeanSquaredError,
        keras.metrics.MeanAbsoluteError,
    ),
}


def check_labels(problem_type, num_classes, labels):
    """Raise a ValueError unless the three fit together."""
    if problem_type not in PROBLEM_TYPES:
        raise ValueError(
            f"`problem_type` must be one of {sorted(PROBLEM_TYPES)}. "
            f"Received: problem_type={problem_type!r}"
        )
    fewest = 2 if problem_type == "single_label" else 1
    if num_classes < fewest:
        raise ValueError(
            f"A {problem_type} problem needs at least {fewest} "
            f"class{'es' * (fewest > 1)}. Received: num_classes={num_classes}"
        )
    if labels is None:
        return
    if not len(labels) == len(set(labels)) == num_classes:
        more = ", …" * (len(labels) > _MOST_SHOWN)
        raise ValueError(
            "`labels` must be as many different names as there are classes, "
            f"{num_classes}, not the label of each text. Received: "
            f"{len(labels)} labels, {labels[:_MOST_SHOWN]}{more}"
        )
