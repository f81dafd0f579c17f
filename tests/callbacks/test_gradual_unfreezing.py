"""Stages of unfreezing: what moves, what stays, and what it is equal to."""

import keras
import numpy as np
import pytest
from keras import ops

from ulmfit_keras.callbacks import GradualUnfreezing
from ulmfit_keras.layers import GradientBoundary
from ulmfit_keras.optimizers import DiscriminativeOptimizer
from ulmfit_keras.optimizers import layer_groups

BACKEND = keras.backend.backend()


class CountingModel(keras.Model):
    """Counts how often its training step is traced (torch: run)."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.train_steps = 0

    def train_step(self, *args):
        self.train_steps += 1
        return super().train_step(*args)


def make_model(boundaries=True):
    inputs = keras.Input((4,), dtype="int32")
    x = keras.layers.Embedding(7, 3, name="words")(inputs)
    x = GradientBoundary(1)(x) if boundaries else x
    x = keras.layers.Dense(3, activation="tanh", name="middle")(x)
    x = keras.layers.BatchNormalization(name="inner")(x)
    x = GradientBoundary(2)(x) if boundaries else x
    x = keras.layers.GlobalAveragePooling1D()(x)
    x = keras.layers.BatchNormalization(name="outer")(x)
    outputs = keras.layers.Dense(2, name="top")(x)
    return CountingModel(inputs, outputs)


GROUPS = [
    ("words", "(^|/)words/"),
    ("middle", ["(^|/)middle/", "(^|/)inner/"]),
    ("head", ["(^|/)outer/", "(^|/)top/"]),
]


def make_optimizer(optimizer=None, **kwargs):
    if optimizer is None:
        optimizer = keras.optimizers.AdamW(0.05, weight_decay=0.1)
    return DiscriminativeOptimizer(optimizer, GROUPS, **kwargs)


def fit(model, callbacks=(), **kwargs):
    generator = np.random.default_rng(5)
    x = generator.integers(7, size=(8, 4)).astype("int32")
    y = generator.normal(size=(8, 2)).astype("float32")
    return model.fit(
        x, y, 4, verbose=0, shuffle=False, callbacks=list(callbacks), **kwargs
    )


def numpy_of(variables):
    return [np.array(ops.convert_to_numpy(v)) for v in variables]


def group_of(variable):
    # Slots of the optimizer are named after the path of their variable.
    layers = ["words"], ["middle", "inner"], ["outer", "top"]
    for group, names in enumerate(layers):
        if any(name in variable.path for name in names):
            return group
    return None


class Recorder(keras.callbacks.Callback):
    """Which variables of the model and the optimizer changed per epoch."""

    def __init__(self):
        super().__init__()
        self.changed = []

    def variables(self):
        model = self.model
        state = [v for v in model.optimizer.variables if len(v.shape)]
        return model.variables + state

    def on_train_begin(self, logs=None):
        if not self.model.optimizer.built:
            self.model.optimizer.build(self.model.trainable_variables)

    def on_epoch_begin(self, epoch, logs=None):
        self.before = numpy_of(self.variables())

    def on_epoch_end(self, epoch, logs=None):
        self.changed.append(
            {
                v.path
                for v, old, new in zip(
                    self.variables(),
                    self.before,
                    numpy_of(self.variables()),
                    strict=True,
                )
                if np.any(old != new)
            }
        )


def plan_stages(plan, groups=4, epochs=8, epochs_per_stage=1):
    """The unfrozen groups and the closed boundaries of each epoch."""
    inputs = x = keras.Input((2,))
    boundaries = []
    for i in range(groups):
        x = keras.layers.Dense(1, name=f"g{i}")(x)
        boundaries.append(GradientBoundary(i + 1))
        x = boundaries[-1](x)
    model = keras.Model(inputs, x)
    optimizer = DiscriminativeOptimizer("sgd", layer_groups(model))
    model.compile(optimizer, "mse")
    callback = GradualUnfreezing(plan, epochs_per_stage)
    callback.set_model(model)
    callback.on_train_begin()
    stages = []
    for epoch in range(epochs):
        callback.on_epoch_begin(epoch)
        open_groups = set(range(groups)) - optimizer.frozen
        stages.append(open_groups)
        # Boundary k has k + 1 groups beneath; it is closed if all are frozen.
        assert [b.closed for b in boundaries] == [
            min(open_groups) > k for k in range(groups)
        ]
    callback.on_train_end()
    assert not optimizer.frozen
    assert not any(b.closed for b in boundaries)
    return stages


EVERYTHING = {0, 1, 2, 3}


@pytest.mark.parametrize(
    "plan, expected",
    [
        ("one_by_one", [{3}, {2, 3}, {1, 2, 3}, EVERYTHING]),
        ("last_two_then_all", [{3}, {2, 3}, EVERYTHING]),
        ("chain_thaw", [{3}, {0}, {1}, {2}, EVERYTHING]),
        ("all", [EVERYTHING]),
        ([[-1], ["g1", "g3"], range(4)], [{3}, {1, 3}, EVERYTHING]),
    ],
)
def test_plans(plan, expected):
    stages = plan_stages(plan)
    assert stages[: len(expected)] == expected
    assert all(stage == expected[-1] for stage in stages[len(expected) :])


def test_stages_of_several_epochs():
    expected = [{3}, {3}, {2, 3}, {2, 3}, EVERYTHING, EVERYTHING]
    assert plan_stages("last_two_then_all", 4, 6, 2) == expected
    assert plan_stages("last_two_then_all", 4, 6, np.int64(2)) == expected
    expected = [{3}, {2, 3}, {2, 3}, {2, 3}, EVERYTHING]
    assert plan_stages("last_two_then_all", 4, 5, [1, 3]) == expected


def test_plans_for_few_groups():
    assert plan_stages("last_two_then_all", 1, 1) == [{0}]
    assert plan_stages("last_two_then_all", 2, 2) == [{1}, {0, 1}]
    assert plan_stages("chain_thaw", 1, 1) == [{0}]


@pytest.mark.parametrize("boundaries", [True, False])
def test_frozen_groups_are_bit_identical_and_each_stage_is_traced_once(
    boundaries,
):
    model = make_model(boundaries)
    model.compile(make_optimizer(), "mse")
    recorder = Recorder()
    history = fit(model, [GradualUnfreezing(), recorder], epochs=4).history
    paths = {v.path: group_of(v) for v in model.variables}
    state = [v for v in model.optimizer.variables if len(v.shape)]
    paths.update({v.path: group_of(v) for v in state})
    for epoch, changed in enumerate(recorder.changed):
        unfrozen = {0, 1, 2} if epoch > 1 else {2} if epoch == 0 else {1, 2}
        assert changed == {p for p, g in paths.items() if g in unfrozen}
    assert history["unfrozen_groups"] == [1, 2, 3, 3]
    if BACKEND != "torch":
        assert model.train_steps == 3


@pytest.mark.skipif(BACKEND == "torch", reason="torch traces nothing")
def test_variables_of_the_optimizer_cost_no_trace():
    model = make_model()
    model.compile(make_optimizer(), "mse")
    fit(model, [GradualUnfreezing()], epochs=4)
    assert model.train_steps == 3


class Breaking(keras.callbacks.Callback):
    """Ends `fit` by an exception, after the first step or right away."""

    def __init__(self, at_once=False):
        super().__init__()
        self.at_once = at_once

    def on_train_begin(self, logs=None):
        if self.at_once:
            raise KeyboardInterrupt

    def on_train_batch_end(self, batch, logs=None):
        raise KeyboardInterrupt


@pytest.mark.parametrize("broken", [False, True])
def test_nothing_is_left_behind(broken):
    model = make_model()
    model.compile(make_optimizer(), "mse")
    unfreezing = GradualUnfreezing([["head"]])
    if broken:
        with pytest.raises(KeyboardInterrupt):
            fit(model, [unfreezing, Breaking()], epochs=1)
        unfreezing.unfreeze_all()
    else:
        fit(model, [unfreezing], epochs=1)
    assert not model.optimizer.frozen
    assert not any(
        layer.closed
        for layer in model.layers
        if isinstance(layer, GradientBoundary)
    )
    assert "train_step" not in vars(model)
    assert "call" not in vars(model.get_layer("inner"))
    if BACKEND == "torch":
        assert all(v.value.requires_grad for v in model.trainable_variables)
    # The next fit, without the callback, trains everything.
    recorder = Recorder()
    fit(model, [recorder], epochs=1)
    assert {v.path for v in model.variables} <= recorder.changed[0]


def test_there_is_nothing_to_undo_before_training_began():
    model = make_model()
    model.compile(make_optimizer(), "mse")
    unfreezing = GradualUnfreezing()
    unfreezing.unfreeze_all()
    with pytest.raises(KeyboardInterrupt):
        fit(model, [Breaking(at_once=True), unfreezing], epochs=1)
    unfreezing.unfreeze_all()
    assert not model.optimizer.frozen


def test_a_later_fit_goes_on_in_its_stage():
    model = make_model()
    model.compile(make_optimizer(), "mse")
    fit(model, [GradualUnfreezing()], epochs=1)
    recorder = Recorder()
    history = fit(
        model, [GradualUnfreezing(), recorder], epochs=2, initial_epoch=1
    ).history
    assert history["unfrozen_groups"] == [2]
    assert "words/embeddings" not in recorder.changed[0]
    assert "middle/kernel" in recorder.changed[0]


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_equal_to_separate_fits_with_layer_trainable(optimizer):
    if optimizer == "adamw" and BACKEND == "jax":
        pytest.skip("JAX lets no optimizer see other variables than before")
    one, two = make_model(), make_model()
    two.set_weights(one.get_weights())

    def make_plain():
        if optimizer == "adamw":
            return keras.optimizers.AdamW(0.05, weight_decay=0.1)
        return keras.optimizers.SGD(0.05, weight_decay=0.1)

    one.compile(make_optimizer(make_plain(), multipliers=[1, 1, 1]), "mse")
    fit(one, [GradualUnfreezing()], epochs=3)

    plain = make_plain()
    if optimizer == "adamw":
        plain.build(two.trainable_variables)
    for names in ["words", "middle", "inner"], ["words"], []:
        for layer in two.layers:
            layer.trainable = layer.name not in names
        two.compile(plain if optimizer == "adamw" else make_plain(), "mse")
        fit(two, epochs=1)
    rtol = 1e-5 if BACKEND == "jax" else 0
    for a, b in zip(
        numpy_of(one.variables), numpy_of(two.variables), strict=True
    ):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol)


def test_mixed_precision():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = make_model()
        model.compile(make_optimizer(), "mse")
        assert hasattr(model.optimizer, "dynamic_growth_steps")
        recorder = Recorder()
        fit(model, [GradualUnfreezing([["head"]]), recorder], epochs=1)
    finally:
        keras.config.set_dtype_policy("float32")
    moved = {
        group_of(v) for v in model.variables if v.path in recorder.changed[0]
    }
    assert moved == {2}


def test_a_checkpoint_of_a_stage_loads(tmp_path):
    model = make_model()
    model.compile(make_optimizer(), "mse")
    path = str(tmp_path / "model.keras")
    checkpoint = keras.callbacks.ModelCheckpoint(path)
    fit(model, [GradualUnfreezing([["head"]]), checkpoint], epochs=1)
    loaded = keras.saving.load_model(
        path, custom_objects={"CountingModel": CountingModel}
    )
    assert loaded.optimizer.frozen == {0, 1}
    assert loaded.get_layer("inner").trainable
    for a, b in zip(
        numpy_of(loaded.variables + loaded.optimizer.variables),
        numpy_of(model.variables + model.optimizer.variables),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    "plan, epochs_per_stage",
    [
        ([["nonsense"]], 1),
        ([[3]], 1),
        ([], 1),
        ([[]], 1),
        ([0, 1], 1),
        ("one_by_one", 0),
        ("one_by_one", [1]),
    ],
)
def test_plans_that_do_not_fit_are_refused(plan, epochs_per_stage):
    model = make_model()
    model.compile(make_optimizer(), "mse")
    callback = GradualUnfreezing(plan, epochs_per_stage)
    callback.set_model(model)
    with pytest.raises(ValueError, match="Received:"):
        callback.on_train_begin()


def test_unknown_plans_and_other_optimizers_are_refused():
    with pytest.raises(ValueError, match="Received: plan='one_by_two'"):
        GradualUnfreezing("one_by_two")
    model = make_model()
    model.compile("adam", "mse")
    callback = GradualUnfreezing()
    callback.set_model(model)
    with pytest.raises(ValueError, match="Received: optimizer="):
        callback.on_train_begin()
