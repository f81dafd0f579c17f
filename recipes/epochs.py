"""How a long training is cut, so that it can be broken off and be watched."""

import math
from typing import NamedTuple


class Epochs(NamedTuple):
    """A training in Keras' epochs, each of which ends with a checkpoint.

    Attributes:
        count: int, number of epochs.
        steps: int, batches in an epoch.
        per_validation: int, epochs from one validation to the next; divides
            `count`, so that the last epoch has one.
    """

    count: int
    steps: int
    per_validation: int


def cut_into_epochs(steps, steps_per_validation, steps_per_checkpoint):
    """Epochs of equal length with validations as far apart as they may be.

    Args:
        steps: int, batches of the whole training. Epochs have as many or
            more, by less than one each.
        steps_per_validation: int, most batches between two validations.
        steps_per_checkpoint: int, most batches in an epoch.

    Returns:
        `Epochs`.

    Example:

    >>> cut_into_epochs(2900, 1000, 100)
    Epochs(count=30, steps=97, per_validation=10)
    """
    per_validation = math.ceil(steps_per_validation / steps_per_checkpoint)
    longest = steps_per_validation // per_validation
    validations = math.ceil(steps / (per_validation * longest))
    # Evenly: the last validation is no nearer to the one before it.
    per_validation = math.ceil(steps / (validations * longest))
    count = validations * per_validation
    return Epochs(count, math.ceil(steps / count), per_validation)
