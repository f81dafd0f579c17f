import keras
import numpy as np

from ulmfit_keras.callbacks.learning_rate_logger import LearningRateLogger
from ulmfit_keras.callbacks.training_time import TrainingTime


def test_rate_is_slanted_over_the_budget():
    callback = TrainingTime(1, peak=3.2)
    rates = [callback.learning_rate(x) for x in (0, 0.1, 0.55, 1, 1.5)]
    np.testing.assert_allclose(rates, [0.1, 3.2, 1.65, 0.1, 0.1])


def test_training_stops_when_time_is_up():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    history = model.fit(
        np.zeros((8, 2)),
        np.zeros((8, 1)),
        epochs=10**6,
        verbose=0,
        callbacks=[
            TrainingTime(0.02, peak=1e-3, update_frequency=1),
            LearningRateLogger(),
        ],
    )
    assert 1 <= len(history.epoch) < 10**5
    rates = history.history["learning_rate"]
    assert max(rates) > 3 * rates[-1]
