"""Layers that change weights without a gradient."""

import keras
import numpy as np
import pytest
from keras import ops

from ulmfit_keras.callbacks import GradualUnfreezing
from ulmfit_keras.optimizers import DiscriminativeOptimizer


def numpy_of(variables):
    return [np.array(ops.convert_to_numpy(v)) for v in variables]


@pytest.mark.parametrize("pattern", ["(^|/)inner/", None])
def test_normalization_that_changes_weights_by_itself(pattern):
    inputs = keras.Input((3,))
    dense = keras.layers.Dense(3, name="low")
    x = keras.layers.SpectralNormalization(dense, name="spectral")(inputs)
    x = keras.layers.BatchNormalization(
        scale=False, center=False, name="inner"
    )(x)
    model = keras.Model(inputs, keras.layers.Dense(1, name="top")(x))
    low = ["(^|/)low/"] + ([pattern] if pattern else [])
    groups = [("low", low), ("top", "(^|/)top/")]
    model.compile(DiscriminativeOptimizer("sgd", groups), "mse")
    before = numpy_of(model.variables)
    x, y = np.ones((4, 3)), np.ones((4, 1))
    model.fit(x, y, verbose=0, callbacks=[GradualUnfreezing([["top"]])])
    moved = {
        v.path.split("/")[-2]
        for v, old, new in zip(
            model.variables, before, numpy_of(model.variables), strict=True
        )
        if np.any(old != new)
    }
    assert moved == ({"top"} if pattern else {"top", "inner"})
