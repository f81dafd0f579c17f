"""What a frozen group stops, and what it must not stop."""

import keras
import numpy as np
import pytest
from keras import ops

from ulmfit_keras import models
from ulmfit_keras.callbacks import GradualUnfreezing
from ulmfit_keras.callbacks.freezing import freeze_groups
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


@pytest.mark.parametrize(
    "groups, unfrozen, closed",
    [
        # The two parts of an LSTM apart: two groups lie below boundary 2.
        (["token_e", "lstm_0/(kernel|bias)", "lstm_0/rec", "lstm_1"], 2, [1]),
        # The word vectors last, which lie below all.
        (["lstm_0", "lstm_1", "token_embedding"], 2, []),
        (["token_embedding", "lstm_0", "lstm_1"], 2, [1, 2]),
    ],
)
def test_boundaries_close_above_frozen_layers_only(groups, unfrozen, closed):
    backbone = models.AWDLSTMBackbone(20, 4, 5, 2)
    optimizer = DiscriminativeOptimizer(
        "sgd",
        [(f"group_{i}", f"(^|/){group}") for i, group in enumerate(groups)],
    )
    optimizer.build(backbone.trainable_variables)
    optimizer.set_frozen(set(range(unfrozen)))
    freeze_groups(backbone, optimizer)
    assert [b.groups_below for b in backbone.boundaries if b.closed] == closed
