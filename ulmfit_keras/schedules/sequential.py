"""Learning rate schedules one after the other."""

import itertools

import keras
from keras import ops


@keras.saving.register_keras_serializable("ulmfit_keras")
class SequentialSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """Follow several schedules, each from its own first step.

    At step t, lr(t) = s_i(t - m_i), where m_0 = 0 and i is the last schedule
    whose milestone m_i is at most t. The scripts released with ULMFiT restart
    their triangle with every stage of unfreezing in this way.

    Args:
        schedules: list of `LearningRateSchedule`.
        milestones: the steps at which all but the first schedule begin,
            rising.

    Raises:
        ValueError: if the milestones do not rise from 0 or are not one less
            than the schedules.

    Example:

    ```python
    schedule = SequentialSchedule(
        [SlantedTriangular(0.01, 100), SlantedTriangular(0.01, 900)],
        milestones=[100],
    )
    ```
    """

    def __init__(self, schedules, milestones):
        self.schedules = list(schedules)
        self.milestones = list(milestones)
        if len(self.schedules) != len(self.milestones) + 1:
            raise ValueError(
                "`milestones` must be one for each schedule but the first. "
                f"Received: {len(self.schedules)} schedules and "
                f"milestones={self.milestones}"
            )
        if any(a >= b for a, b in itertools.pairwise([0, *self.milestones])):
            raise ValueError(
                "`milestones` must rise, and the first be above 0. "
                f"Received: milestones={self.milestones}"
            )

    def __call__(self, step):
        step = ops.cast(step, "float32")
        rate = self.schedules[0](step)
        for milestone, schedule in zip(
            self.milestones, self.schedules[1:], strict=True
        ):
            # No schedule is asked for a step before its own first.
            own_step = ops.maximum(step - milestone, 0.0)
            rate = ops.where(step < milestone, rate, schedule(own_step))
        return rate

    def get_config(self):
        return {
            "schedules": [
                keras.saving.serialize_keras_object(schedule)
                for schedule in self.schedules
            ],
            "milestones": self.milestones,
        }

    @classmethod
    def from_config(cls, config):
        return cls(
            [
                keras.saving.deserialize_keras_object(schedule)
                for schedule in config["schedules"]
            ],
            config["milestones"],
        )
