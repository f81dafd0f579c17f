"""A learning rate that grows by a constant factor with every step."""

import math

import keras
from keras import ops


@keras.saving.register_keras_serializable("ulmfit_keras")
class Sweep(keras.optimizers.schedules.LearningRateSchedule):
    """Learning rate `lowest * growth ** i` in the i-th execution of steps.

    Args:
        lowest: float, the rate at the first step.
        growth: float, factor from one rate to the next.
        first_step: int, the optimizer's step counter at the first step.
        length: int, number of steps of an execution, at one rate.
        epoch_steps: int, number of steps of an epoch, whose last execution
            may be shorter.
    """

    def __init__(self, lowest, growth, first_step, length, epoch_steps):
        self.lowest = lowest
        self.growth = growth
        self.first_step = first_step
        self.length = length
        self.epoch_steps = epoch_steps

    def __call__(self, step):
        step = step - self.first_step
        of_epoch = math.ceil(self.epoch_steps / self.length)
        before = of_epoch * ops.floor_divide(step, self.epoch_steps)
        within = ops.floor_divide(ops.mod(step, self.epoch_steps), self.length)
        rates = ops.cast(before + within, "float32")
        return self.lowest * ops.power(self.growth, rates)

    def get_config(self):
        return {
            "lowest": self.lowest,
            "growth": self.growth,
            "first_step": self.first_step,
            "length": self.length,
            "epoch_steps": self.epoch_steps,
        }
