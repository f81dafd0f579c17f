"""A learning rate that grows by a constant factor with every step."""

import keras
from keras import ops


class Sweep(keras.optimizers.schedules.LearningRateSchedule):
    """Learning rate `lowest * growth ** (step - first_step)`.

    Args:
        lowest: float, the rate at the first step.
        growth: float, factor from one step to the next.
        first_step: int, the optimizer's step counter at the first step.
    """

    def __init__(self, lowest, growth, first_step):
        self.lowest = lowest
        self.growth = growth
        self.first_step = first_step

    def __call__(self, step):
        step = ops.cast(step, "float32") - self.first_step
        return self.lowest * ops.power(self.growth, step)
