"""A learning rate that grows by a constant factor with every step."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("ulmfit_keras")
class Sweep(keras.optimizers.schedules.LearningRateSchedule):
    """Learning rate `lowest * growth ** ((step - first_step) // length)`.

    Args:
        lowest: float, the rate at the first step.
        growth: float, factor from one rate to the next.
        first_step: int, the optimizer's step counter at the first step.
        length: int, number of steps at each rate.
    """

    def __init__(self, lowest, growth, first_step, length):
        self.lowest = lowest
        self.growth = growth
        self.first_step = first_step
        self.length = length

    def __call__(self, step):
        rates = ops.floor_divide(step - self.first_step, self.length)
        return self.lowest * ops.power(self.growth, ops.cast(rates, "float32"))

    def get_config(self):
        return {
            "lowest": self.lowest,
            "growth": self.growth,
            "first_step": self.first_step,
            "length": self.length,
        }
