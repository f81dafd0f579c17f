"""A training function is made anew even while the old one is in use."""

import keras
import numpy as np
from keras import ops

from ulmfit_keras.callbacks.retrace import retrace


class Scaled(keras.Model):
    """Reads a Python attribute that a trace holds fast."""

    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(1, use_bias=False)
        self.factor = 1.0

    def call(self, x):
        return self.dense(x) * self.factor


def test_the_new_function_sees_the_new_attribute():
    model = Scaled()
    x = np.ones((1, 1), "float32")
    model(x)
    model.compile(keras.optimizers.SGD(1.0), "mse")
    held = []
    for factor in (1.0, 3.0, 0.0):
        model.factor = factor
        retrace(model)
        held.append(model.train_function)
        model.dense.kernel.assign([[2.0]])
        model.fit(x, x, verbose=0)
        # d/dw (w * factor - 1)^2 = 2 * factor * (w * factor - 1)
        expected = 2.0 - 2 * factor * (2.0 * factor - 1)
        kernel = ops.convert_to_numpy(model.dense.kernel)
        np.testing.assert_allclose(kernel, [[expected]], rtol=1e-5)
    assert "train_step" not in vars(model)


def test_a_train_step_of_the_instance_is_kept():
    model = Scaled()
    model(np.ones((1, 1), "float32"))
    model.compile("sgd", "mse")
    original = model.train_step
    calls = []

    def own_step(*args):
        calls.append(1)
        return original(*args)

    model.train_step = own_step
    retrace(model)
    assert model.train_step is own_step
    model.fit(np.ones((1, 1)), np.ones((1, 1)), verbose=0)
    assert calls
