"""Saved states of optimizers with a wrapper and without."""

import itertools
import warnings

import keras
import numpy as np
import pytest
from keras import ops

from ulmfit_keras.optimizers import DiscriminativeOptimizer
from ulmfit_keras.optimizers import NonMonotonicASGD
from ulmfit_keras.optimizers.optimizer_wrapper import OptimizerWrapper

KINDS = {
    "plain": lambda optimizer: optimizer,
    "discriminative": lambda optimizer: DiscriminativeOptimizer(
        optimizer, [("all", "(^|/)dense/")]
    ),
    "averaged": NonMonotonicASGD,
}


def make_model(kind, rate, built=False, optimizer=keras.optimizers.Adam):
    model = keras.Sequential([keras.layers.Dense(2, name="dense")])
    model.build((None, 3))
    model.compile(KINDS[kind](optimizer(rate)), "mse")
    if built:
        model.optimizer.build(model.trainable_variables)
    return model


def train(model):
    generator = np.random.default_rng(0)
    x = generator.normal(size=(8, 3)).astype("float32")
    y = generator.normal(size=(8, 2)).astype("float32")
    model.fit(x, y, 4, shuffle=False, verbose=0)


def states(optimizer):
    return [np.array(ops.convert_to_numpy(v)) for v in optimizer.variables]


def assert_same(actual, expected):
    for a, b in zip(actual, expected, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("loaded", KINDS)
@pytest.mark.parametrize("saved", KINDS)
def test_weights_are_loaded_whatever_the_optimizer_was(tmp_path, saved, loaded):
    path = tmp_path / "model.weights.h5"
    for was_built, is_built in itertools.product([False, True], repeat=2):
        before = make_model(saved, 0.5)
        if was_built:
            train(before)
            if saved == "averaged":
                before.optimizer.start_averaging()
        before.save_weights(path)
        after = make_model(loaded, 0.25, is_built)
        own = states(after.optimizer)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            after.load_weights(path)
        assert_same(after.get_weights(), before.get_weights())
        now = states(after.optimizer)
        if saved == loaded and was_built == is_built:
            assert_same(now, states(before.optimizer))
        elif "plain" in (saved, loaded) and saved != loaded:
            assert_same(now, own)
        # Two wrappers still have the same optimizer within.
        assert float(after.optimizer.learning_rate) in (0.5, 0.25)
        if loaded == "averaged" and not (saved == loaded and was_built):
            assert not after.optimizer.is_averaging


@pytest.mark.filterwarnings("ignore:Skipping variable loading")
def test_what_is_not_loaded_is_told(tmp_path):
    path = tmp_path / "model.weights.h5"
    make_model("plain", 0.5, True).save_weights(path)
    for kind in "discriminative", "averaged":
        with pytest.warns(UserWarning, match="not loaded"):
            make_model(kind, 0.25, True).load_weights(path)


@pytest.mark.parametrize("kind", ["discriminative", "averaged"])
def test_states_saved_by_earlier_versions_are_loaded(
    tmp_path, kind, monkeypatch
):
    def save_own_variables(self, store):
        for i, variable in enumerate(self._variables):
            store[str(i)] = ops.convert_to_numpy(variable)

    path = tmp_path / "model.weights.h5"
    before = make_model(kind, 0.5)
    train(before)
    if kind == "averaged":
        before.optimizer.start_averaging()
    with monkeypatch.context() as patch:
        patch.setattr(
            OptimizerWrapper, "save_own_variables", save_own_variables
        )
        before.save_weights(path)
    after = make_model(kind, 0.25, True)
    after.load_weights(path)
    assert_same(states(after.optimizer), states(before.optimizer))


@pytest.mark.filterwarnings("ignore:Skipping variable loading")
def test_momenta_are_not_taken_for_averages(tmp_path):
    def sgd(rate):
        return keras.optimizers.SGD(rate, momentum=0.9)

    path = tmp_path / "model.weights.h5"
    before = make_model("plain", 0.5, optimizer=sgd)
    train(before)
    before.save_weights(path)
    # As many variables as the plain optimizer.
    after = make_model("averaged", 0.25, True)
    own = states(after.optimizer)
    with pytest.warns(UserWarning, match="not loaded"):
        after.load_weights(path)
    assert_same(states(after.optimizer), own)


@pytest.mark.parametrize("kind", ["discriminative", "averaged"])
def test_loss_scaling_goes_around_it(kind):
    plain = keras.optimizers.SGD()
    with pytest.raises(NotImplementedError, match="Received: optimizer=Loss"):
        KINDS[kind](keras.optimizers.LossScaleOptimizer(plain))
    model = make_model(kind, 0.5)
    model.compile(keras.optimizers.LossScaleOptimizer(model.optimizer), "mse")
    train(model)
