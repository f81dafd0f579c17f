"""The learning rates that the report's curves are drawn from."""

import keras
import numpy as np
import pytest

from recipes.training import step_learning_rates
from ulmfit_keras.optimizers import DiscriminativeOptimizer
from ulmfit_keras.schedules import LengthScaled
from ulmfit_keras.schedules import SlantedTriangular


class Watch(keras.callbacks.Callback):
    """Looks at the rate before each step."""

    def __init__(self):
        super().__init__()
        self.rates = []

    def on_train_batch_begin(self, batch, logs=None):
        self.rates.append(float(self.model.optimizer.learning_rate))


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_rates_are_those_the_steps_were_made_with(policy):
    schedule = LengthScaled(SlantedTriangular(0.1, 12), [70, 35, 65] * 4, 70)
    model = keras.Sequential(
        [keras.Input((2,)), keras.layers.Dense(1, dtype=policy, name="only")]
    )
    optimizer = DiscriminativeOptimizer(
        keras.optimizers.Adam(schedule), [("only", r"(^|/)only/")]
    )
    if policy == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    model.compile(optimizer, "mse", jit_compile=False)
    watch = Watch()
    x, y = np.ones((12, 2), "float32"), np.zeros((12, 1), "float32")
    history = model.fit(x, y, 3, 2, verbose=0, callbacks=[watch])
    rates = step_learning_rates(history)
    assert rates.shape == (8,) and rates.max() > 0.05
    np.testing.assert_allclose(rates, watch.rates, rtol=1e-5)
