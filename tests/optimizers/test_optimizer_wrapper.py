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


def number_of_own_variables(optimizer):
    return len(optimizer.variables) - len(optimizer.inner_optimizer.variables)


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
def test_variables_can_be_excluded_from_weight_decay(kind):
    model = make_model(
        kind, 0.5, optimizer=lambda rate: keras.optimizers.AdamW(rate)
    )
    layer = model.layers[0]
    layer.bias.assign(np.ones(2))
    model.optimizer.weight_decay = 0.5
    model.optimizer.exclude_from_weight_decay(var_names=["bias"])
    kernel = ops.convert_to_numpy(layer.kernel)
    gradients = [ops.zeros(v.shape) for v in model.trainable_variables]
    model.optimizer.apply(gradients, model.trainable_variables)
    np.testing.assert_array_equal(ops.convert_to_numpy(layer.bias), 1.0)
    np.testing.assert_allclose(
        ops.convert_to_numpy(layer.kernel), 0.75 * kernel, rtol=1e-6
    )
    model.optimizer.exclude_from_weight_decay(var_list=[layer.kernel])
    model.optimizer.apply(gradients, model.trainable_variables)
    np.testing.assert_array_equal(ops.convert_to_numpy(layer.bias), 0.75)


@pytest.mark.parametrize("kind", ["discriminative", "averaged"])
def test_what_cannot_be_wrapped_or_built_is_told(kind):
    with pytest.raises(ValueError, match="Received: optimizer=None"):
        KINDS[kind](None)
    optimizer = KINDS[kind]("sgd")
    with pytest.raises(ValueError, match="Received: trainable_variables=None"):
        optimizer.apply([ops.zeros(1)])


@pytest.mark.parametrize("kind", KINDS)
def test_steps_are_counted_for_whoever_applies_gradients(kind):
    model = make_model(kind, 0.5)
    pairs = [(ops.zeros(v.shape), v) for v in model.trainable_variables]
    for step in 1, 2, 3:
        assert int(model.optimizer.apply_gradients(pairs)) == step


SETTINGS = {
    "weight_decay": 0.1,
    "clipnorm": 0.01,
    "clipvalue": 0.01,
    "global_clipnorm": 0.01,
    "use_ema": True,
    "ema_momentum": 0.5,
    "ema_overwrite_frequency": 2,
    "loss_scale_factor": 4.0,
    "gradient_accumulation_steps": 2,
}


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("kind", ["discriminative", "averaged"])
def test_settings_are_those_of_the_optimizer_within(kind, name):
    plain, model = (make_model(one, 0.5) for one in ("plain", kind))
    model.set_weights(plain.get_weights())
    for one in plain, model:
        setattr(one.optimizer, name, SETTINGS[name])
        assert getattr(one.optimizer, name) == SETTINGS[name]
        if name.startswith("ema"):
            one.optimizer.use_ema = True
        variables = one.trainable_variables
        for size in 1.0, 2.0:
            gradients = [ops.full(v.shape, size) for v in variables]
            one.optimizer.apply(gradients, variables)
        one.optimizer.finalize_variable_values(variables)
    assert getattr(model.optimizer.inner_optimizer, name) == SETTINGS[name]
    assert_same(model.get_weights(), plain.get_weights())
    # The wrapper makes no slots by them a second time.
    assert number_of_own_variables(model.optimizer) == number_of_own_variables(
        make_model(kind, 0.5, built=True).optimizer
    )


@pytest.mark.parametrize("kind", ["discriminative", "averaged"])
def test_loss_scaling_goes_around_it(kind):
    plain = keras.optimizers.SGD()
    with pytest.raises(NotImplementedError, match="Received: optimizer=Loss"):
        KINDS[kind](keras.optimizers.LossScaleOptimizer(plain))
    model = make_model(kind, 0.5)
    model.compile(keras.optimizers.LossScaleOptimizer(model.optimizer), "mse")
    train(model)
