"""The learning rates that `History` keeps."""

import keras
import numpy as np
import pytest

from ulmfit_keras.callbacks import LearningRateLogger


def logs_of(optimizer):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile(optimizer, "mse")
    return model.fit(
        np.ones((8, 3)),
        np.ones((8, 1)),
        batch_size=4,
        epochs=2,
        verbose=0,
        callbacks=[LearningRateLogger()],
    ).history


def test_the_rate_of_a_schedule_at_the_end_of_every_epoch():
    schedule = keras.optimizers.schedules.PolynomialDecay(0.1, 10, 0.0)
    rates = logs_of(keras.optimizers.SGD(schedule))["learning_rate"]
    assert rates == pytest.approx([0.08, 0.06])


def test_each_rate_of_several_optimizers():
    optimizer = keras.optimizers.MultiOptimizer(
        keras.optimizers.OptimizerMap(
            keras.optimizers.SGD(0.5, name="plain"),
            {".*kernel": keras.optimizers.Adam(0.25, name="adaptive")},
        )
    )
    logs = logs_of(optimizer)
    assert logs["learning_rate_plain"] == [0.5, 0.5]
    assert logs["learning_rate_adaptive"] == [0.25, 0.25]
