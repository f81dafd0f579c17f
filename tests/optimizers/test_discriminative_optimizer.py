"""Rates per group, against the plain optimizer at each group's rate."""

import threading

import keras
import numpy as np
import pytest
from keras import ops

from ulmfit_keras.optimizers import DiscriminativeOptimizer

GROUPS = [
    ("low", r"(^|/)low/"),
    ("middle", r"(^|/)middle/"),
    ("high", [r"(^|/)high/kernel", r"(^|/)high/bias"]),
]
MULTIPLIERS = [0.25, 0.7, 1.0]
LEARNING_RATE = 0.03


def make_variables():
    generator = np.random.default_rng(1)
    variables = []
    for layer in ("low", "middle", "high"):
        with keras.name_scope(layer):
            for name, shape in (("kernel", (3, 4)), ("bias", (4,))):
                values = generator.normal(size=shape).astype("float32")
                variables.append(keras.Variable(values, name=name))
    return variables


def make_gradients(variables, steps=3):
    generator = np.random.default_rng(2)
    return [
        [
            ops.convert_to_tensor(
                generator.normal(size=v.shape).astype("float32")
            )
            for v in variables
        ]
        for _ in range(steps)
    ]


def numpy_of(variables):
    return [np.array(ops.convert_to_numpy(v)) for v in variables]


def assert_same(actual, expected):
    assert len(actual) == len(expected)
    for a, b in zip(actual, expected, strict=True):
        np.testing.assert_array_equal(a, b)


def wrapped(optimizer, **kwargs):
    kwargs.setdefault("multipliers", MULTIPLIERS)
    return DiscriminativeOptimizer(optimizer, GROUPS, **kwargs)


PLAIN = {
    "sgd": lambda rate: keras.optimizers.SGD(rate, weight_decay=0.1),
    "nesterov": lambda rate: keras.optimizers.SGD(
        rate, momentum=0.9, nesterov=True
    ),
    "adam": lambda rate: keras.optimizers.Adam(rate, beta_1=0.7, clipvalue=0.5),
    "amsgrad": lambda rate: keras.optimizers.Adam(
        rate, amsgrad=True, clipnorm=0.5
    ),
    "adamw": lambda rate: keras.optimizers.AdamW(rate, weight_decay=0.1),
    **{
        name.lower() + "_default": lambda rate, kind=kind: kind(rate)
        for name, kind in vars(keras.optimizers).items()
        if isinstance(kind, type)
        and issubclass(kind, keras.optimizers.Optimizer)
        and kind is not keras.optimizers.Optimizer
        and name not in ("LossScaleOptimizer", "MultiOptimizer")
    },
}


@pytest.mark.parametrize("make", PLAIN.values(), ids=PLAIN)
def test_groups_move_as_under_the_plain_optimizer(make):
    variables = make_variables()
    gradients = make_gradients(variables)
    optimizer = wrapped(make(LEARNING_RATE))
    for step in gradients:
        optimizer.apply(step, variables)
    for group, multiplier in enumerate(MULTIPLIERS):
        mine = slice(2 * group, 2 * group + 2)
        rate = np.float32(LEARNING_RATE) * np.float32(multiplier)
        plain = make(float(rate))
        expected = make_variables()[mine]
        for step in gradients:
            plain.apply(step[mine], expected)
        assert_same(numpy_of(variables[mine]), numpy_of(expected))


@pytest.mark.parametrize(
    "kwargs",
    [
        {"global_clipnorm": 0.1},
        {"use_ema": True, "ema_overwrite_frequency": 2},
        {"gradient_accumulation_steps": 2},
        {"loss_scale_factor": 4.0},
    ],
    ids=lambda kwargs: next(iter(kwargs)),
)
def test_equal_groups_are_the_plain_optimizer(kwargs):
    variables, expected = make_variables(), make_variables()
    gradients = make_gradients(variables, 2)
    optimizer = wrapped(
        keras.optimizers.AdamW(0.01, **kwargs), multipliers=[1, 1, 1]
    )
    plain = keras.optimizers.AdamW(0.01, **kwargs)
    for step in gradients:
        optimizer.apply(step, variables)
        plain.apply(step, expected)
    optimizer.finalize_variable_values(variables)
    plain.finalize_variable_values(expected)
    assert_same(numpy_of(variables), numpy_of(expected))
    assert float(optimizer.scale_loss(1.0)) == float(plain.scale_loss(1.0))


@pytest.mark.parametrize("global_clipnorm", [None, 0.05])
@pytest.mark.parametrize("loss_scale", [False, True])
def test_adam_steps_are_2_6_times_smaller_per_group(
    global_clipnorm, loss_scale
):
    model = make_model()
    optimizer = DiscriminativeOptimizer(
        keras.optimizers.Adam(0.1, global_clipnorm=global_clipnorm), GROUPS
    )
    if loss_scale:
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    before = numpy_of(model.trainable_variables)
    train(model, optimizer, epochs=1)
    after = numpy_of(model.trainable_variables)
    # The first step of Adam has the size of its rate, wherever it goes.
    sizes = [np.abs(b - a).max() for a, b in zip(before, after, strict=True)]
    np.testing.assert_allclose(
        sizes, np.repeat([0.1 / 2.6**2, 0.1 / 2.6, 0.1], 2), rtol=1e-3
    )


def make_model():
    inputs = keras.Input((5,))
    x = keras.layers.Dense(4, activation="tanh", name="low")(inputs)
    x = keras.layers.Dense(4, activation="tanh", name="middle")(x)
    outputs = keras.layers.Dense(2, name="high")(x)
    return keras.Model(inputs, outputs)


def train(model, optimizer=None, epochs=2, callbacks=()):
    generator = np.random.default_rng(3)
    x = generator.normal(size=(16, 5)).astype("float32")
    y = generator.normal(size=(16, 2)).astype("float32")
    if optimizer is not None:
        model.compile(optimizer, "mse")
    return model.fit(
        x, y, 16, epochs, verbose=0, shuffle=False, callbacks=callbacks
    )


@pytest.mark.parametrize("frozen", [{0}, {2}, {0, 1}])
def test_frozen_groups_are_static_and_the_norm_is_of_the_others(frozen):
    variables, expected = make_variables(), make_variables()
    gradients = make_gradients(variables)

    def make():
        return keras.optimizers.AdamW(
            0.01, weight_decay=0.1, global_clipnorm=0.5
        )

    optimizer = wrapped(make(), multipliers=[1, 1, 1], frozen=frozen)
    optimizer.build(variables)
    slots = [v for v in optimizer.variables if len(v.shape)]
    before = numpy_of(slots)
    live = [i for i in range(6) if i // 2 not in frozen]
    plain = make()
    for step in gradients:
        optimizer.apply(step)
        plain.apply([step[i] for i in live], [expected[i] for i in live])
    assert_same(numpy_of(variables), numpy_of(expected))
    layers = [("low", "middle", "high")[i] for i in frozen]
    for slot, old in zip(slots, before, strict=True):
        moved = np.any(ops.convert_to_numpy(slot) != old)
        assert moved != any(layer in slot.path for layer in layers)


def test_frozen_groups_are_static_under_averaging():
    variables = make_variables()
    start = numpy_of(variables)
    optimizer = wrapped(
        keras.optimizers.SGD(0.1, use_ema=True, ema_overwrite_frequency=2),
        frozen=[0],
    )
    gradients = make_gradients(variables, 5)
    for step in gradients[:4]:
        optimizer.apply(step, variables)
    optimizer.finalize_variable_values(variables)
    assert_same(numpy_of(variables[:2]), start[:2])
    assert np.any(ops.convert_to_numpy(variables[2]) != start[2])
    # Once unfrozen, its average starts at its weights and not at zero.
    optimizer.set_frozen([])
    optimizer.apply(gradients[4], variables)
    optimizer.finalize_variable_values(variables)
    step = 0.1 * 0.25 * ops.convert_to_numpy(gradients[4][0])
    np.testing.assert_allclose(
        ops.convert_to_numpy(variables[0]), start[0] - 0.01 * step, rtol=1e-6
    )


def test_replicas_may_take_turns_within_a_step():
    variables = make_variables()
    start = numpy_of(variables)
    optimizer = wrapped(keras.optimizers.SGD(0.1, use_ema=True), frozen=[0])
    (step,) = make_gradients(variables, 1)
    optimizer.build(variables)
    inner_apply = optimizer.inner_optimizer.apply
    other = threading.Thread(target=optimizer.apply, args=(step,))
    begun, first_is_done = threading.Event(), threading.Event()

    def apply(*args):
        if threading.current_thread() is other:
            begun.set()
            first_is_done.wait(60)
        else:
            other.start()
            begun.wait(60)
        inner_apply(*args)

    optimizer.inner_optimizer.apply = apply
    optimizer.apply(step)
    first_is_done.set()
    other.join()
    assert_same(numpy_of(variables[:2]), start[:2])
    optimizer.set_frozen([])
    optimizer.finalize_variable_values(variables)
    assert_same(numpy_of(variables[:2]), start[:2])


def test_averaging_survives_several_fits():
    model = make_model()
    optimizer = wrapped(keras.optimizers.Adam(0.1, use_ema=True), frozen=[0, 1])
    before = numpy_of(model.trainable_variables)
    train(model, optimizer)
    assert_same(numpy_of(model.trainable_variables)[:4], before[:4])
    optimizer.set_frozen([0])
    model.compile(optimizer, "mse")
    train(model)
    after = numpy_of(model.trainable_variables)
    assert_same(after[:2], before[:2])
    assert np.any(after[2] != before[2])


def test_missing_gradients():
    variables = make_variables()
    start = numpy_of(variables)
    optimizer = wrapped(keras.optimizers.Adam(0.1), frozen=[0])
    (step,) = make_gradients(variables, 1)
    # Frozen variables may lack a gradient, that is what is meant.
    optimizer.apply([None, None, *step[2:]], variables)
    assert_same(numpy_of(variables[:2]), start[:2])
    with pytest.warns(UserWarning, match="Gradients do not exist"):
        optimizer.apply([None, None, *step[2:5], None], variables)
    with pytest.raises(ValueError, match="No gradients provided"):
        optimizer.apply([None] * 6, variables)
    optimizer.apply([])
    with pytest.raises(ValueError, match="Unknown variable"):
        optimizer.apply(step[:1], make_variables()[:1])


def test_one_learning_rate_serves_the_callbacks():
    optimizer = wrapped(keras.optimizers.SGD(0.5))
    history = train(
        make_model(),
        optimizer,
        epochs=3,
        callbacks=[
            keras.callbacks.LearningRateScheduler(
                lambda epoch, rate: rate / 2 if epoch else rate
            ),
            keras.callbacks.ReduceLROnPlateau(
                monitor="loss", factor=0.1, patience=1, min_delta=1e9
            ),
        ],
    )
    np.testing.assert_allclose(
        history.history["learning_rate"], [0.5, 0.25, 0.0125], rtol=1e-5
    )
    optimizer.learning_rate = 0.125
    assert float(optimizer.inner_optimizer.learning_rate) == 0.125
    assert int(optimizer.iterations) == 3


def test_mixed_precision_wraps_it():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = make_model()
        optimizer = wrapped(keras.optimizers.Adam(0.01), frozen=[0])
        before = numpy_of(model.trainable_variables)
        train(model, optimizer)
    finally:
        keras.config.set_dtype_policy("float32")
    assert model.optimizer.inner_optimizer is optimizer
    after = numpy_of(model.trainable_variables)
    assert_same(after[:2], before[:2])
    assert np.any(after[2] != before[2])


@pytest.mark.parametrize("loss_scale", [False, True])
def test_a_saved_run_resumes_exactly(tmp_path, loss_scale):
    model = make_model()
    optimizer = wrapped(
        keras.optimizers.AdamW(
            keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)
        ),
        frozen=[1],
    )
    if loss_scale:
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    train(model, optimizer)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    for one in (model, loaded):
        train(one)
    assert_same(numpy_of(loaded.variables), numpy_of(model.variables))
    assert_same(
        numpy_of(loaded.optimizer.variables),
        numpy_of(model.optimizer.variables),
    )


def test_weights_of_the_optimizer_can_be_set():
    variables = make_variables()
    one, two = (wrapped(keras.optimizers.Adam(0.1)) for _ in range(2))
    (step,) = make_gradients(variables, 1)
    one.apply(step, variables)
    two.build(variables)
    two.set_weights(numpy_of(one.variables))
    assert_same(numpy_of(two.variables), numpy_of(one.variables))
    assert int(two.iterations) == 1


def test_group_table():
    optimizer = wrapped(keras.optimizers.Adam(), frozen=[0])
    assert optimizer.group_table().splitlines()[1].split() == [
        "low", "0.25", "?", "yes",
    ]  # fmt: skip
    optimizer.build(make_variables())
    assert [line.split() for line in optimizer.group_table().splitlines()] == [
        ["group", "multiplier", "parameters", "frozen"],
        ["low", "0.25", "16", "yes"],
        ["middle", "0.7", "16", "no"],
        ["high", "1", "16", "no"],
    ]


def test_variables_and_groups_must_match():
    variables = make_variables()
    lost = DiscriminativeOptimizer("sgd", GROUPS[:2])
    with pytest.raises(ValueError, match="(?s)high/bias -> no group.*Received"):
        lost.build(variables)
    empty = DiscriminativeOptimizer("sgd", [*GROUPS, ("typo", "(^|/)hihg/")])
    with pytest.raises(ValueError, match="(?s)typo.*Received.*'typo'"):
        empty.build(variables)
    twice = DiscriminativeOptimizer("sgd", [*GROUPS, ("all", "kernel")])
    with pytest.raises(ValueError, match="Received: low/kernel in"):
        twice.build(variables)


@pytest.mark.parametrize(
    "arguments",
    [
        {"groups": []},
        {"groups": None},
        {"groups": {"a": "(^|/)a/"}},
        {"groups": ["a", "b"]},
        {"groups": ["ab"]},
        {"groups": [("a", 1)]},
        {"groups": [("a", ["a", None])]},
        {"groups": [("a", "a"), ("a", "b")]},
        {"groups": GROUPS, "factor": 0},
        {"groups": GROUPS, "multipliers": [1, 2]},
        {"groups": GROUPS, "multipliers": [0, 1, 1]},
        {"groups": GROUPS, "multipliers": [1, 1, float("inf")]},
        {"groups": GROUPS, "frozen": [3]},
        {"groups": GROUPS, "frozen": [-1]},
        {"groups": GROUPS, "frozen": [0, 1, 2]},
    ],
)
def test_arguments_out_of_range_are_refused(arguments):
    with pytest.raises(ValueError, match="Received:"):
        DiscriminativeOptimizer("sgd", **arguments)


def test_an_optimizer_is_wrapped_once():
    plain = keras.optimizers.SGD()
    wrapped(plain)
    with pytest.raises(ValueError, match="wrapped once"):
        wrapped(plain)
    with pytest.raises(NotImplementedError, match="Received:"):
        wrapped(keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD()))


@pytest.mark.skipif(
    not hasattr(keras.optimizers, "MultiOptimizer"), reason="an older Keras"
)
def test_several_optimizers_in_one_are_refused():
    several = keras.optimizers.MultiOptimizer(lambda v: keras.optimizers.SGD())
    with pytest.raises(NotImplementedError, match="Received: optimizer=Multi"):
        wrapped(several)
