"""DropConnect, carried state and files of the LSTM layer."""

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from keras import ops

from ulmfit_keras.layers import WeightDropLSTM

BACKEND = keras.backend.backend()


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def to_numpy(tensor):
    return ops.convert_to_numpy(ops.cast(ops.stop_gradient(tensor), "float32"))


def weights_of(layer):
    return [to_numpy(weight) for weight in layer.trainable_variables]


def numpy_lstm(x, kernel, recurrent_kernel, bias):
    h = c = np.zeros((x.shape[0], recurrent_kernel.shape[0]), "float32")
    outputs = []
    for t in range(x.shape[1]):
        z = x[:, t] @ kernel + h @ recurrent_kernel + bias
        i, f, candidate, o = np.split(z, 4, axis=1)
        i, f, o = (1 / (1 + np.exp(-gate)) for gate in (i, f, o))
        c = f * c + i * np.tanh(candidate)
        h = o * np.tanh(c)
        outputs.append(h)
    return np.stack(outputs, axis=1)


def keep_masks(layer, monkeypatch):
    """A list to which each dropped recurrent kernel is appended."""
    dropped = []
    dropout = keras.random.dropout

    def recording(*args, **kwargs):
        dropped.append(dropout(*args, **kwargs))
        return dropped[-1]

    monkeypatch.setattr(keras.random, "dropout", recording)
    return dropped


@pytest.mark.parametrize("return_sequences", [False, True])
def test_equals_keras_lstm(return_sequences):
    options = {"return_sequences": return_sequences, "return_state": True}
    layer = WeightDropLSTM(5, weight_drop=0.5, **options)
    reference = keras.layers.LSTM(5, **options)
    x = random(3, 7, 4)
    states = [random(3, 5, seed=1), random(3, 5, seed=2)]
    for each in (layer, reference):
        each.build(x.shape)
    reference.set_weights(weights_of(layer))
    for state in (None, states):
        actual = layer(x, initial_state=state)
        expected = reference(x, initial_state=state)
        for a, e in zip(actual, expected, strict=True):
            np.testing.assert_allclose(to_numpy(a), to_numpy(e), atol=1e-6)


@settings(max_examples=3, deadline=None)
@given(st.tuples(*[st.integers(1, 4)] * 4))
def test_any_shape(shape):
    batch_size, steps, features, units = shape
    layer = WeightDropLSTM(units, weight_drop=0.3)
    x = random(batch_size, steps, features)
    outputs = layer(x, training=True)
    assert outputs.shape == (batch_size, steps, units)
    np.testing.assert_allclose(
        to_numpy(layer(x)), numpy_lstm(x, *weights_of(layer)), atol=1e-6
    )


def test_one_mask_for_all_steps_and_a_new_one_per_call(monkeypatch):
    layer = WeightDropLSTM(6, weight_drop=0.5)
    x = random(2, 9, 3)
    layer.build(x.shape)
    kernel, recurrent_kernel, bias = weights_of(layer)
    masks = keep_masks(layer, monkeypatch)
    for _ in range(3):
        outputs = to_numpy(layer(x, training=True))
        dropped = to_numpy(masks[-1])
        kept = dropped != 0
        np.testing.assert_allclose(
            dropped[kept], 2 * recurrent_kernel[kept], rtol=1e-6
        )
        np.testing.assert_allclose(
            outputs, numpy_lstm(x, kernel, dropped, bias), atol=1e-6
        )
    first, second, third = map(to_numpy, masks)
    assert (first != second).any() and (second != third).any()


def test_masks_are_new_inside_fit():
    """A mask fixed when a function is traced would give equal losses."""
    layer = WeightDropLSTM(8, weight_drop=0.5)
    model = keras.Sequential([layer])
    model.compile(keras.optimizers.SGD(0.0), "mse")
    x, y = random(4, 6, 3), random(4, 6, 8)
    losses = model.fit(x, y, epochs=4, verbose=0).history["loss"]
    assert len({round(loss, 7) for loss in losses}) == 4


def test_mean_of_the_dropped_weights_is_the_weight(monkeypatch):
    layer = WeightDropLSTM(20, weight_drop=0.3)
    x = random(1, 1, 2)
    layer.build(x.shape)
    masks = keep_masks(layer, monkeypatch)
    for _ in range(60):
        layer(x, training=True)
    ratio = np.mean([to_numpy(m) for m in masks], 0) / weights_of(layer)[1]
    assert abs(ratio.mean() - 1) < 0.02
    share = np.mean([to_numpy(m) == 0 for m in masks])
    assert abs(share - 0.3) < 0.02


def test_calls_leave_the_weights_as_they_are():
    layer = WeightDropLSTM(5, weight_drop=0.5)
    x = random(2, 4, 3)
    layer.build(x.shape)
    before = weights_of(layer)
    for _ in range(3):
        layer(x, training=True)
    for b, a in zip(before, weights_of(layer), strict=True):
        np.testing.assert_array_equal(b, a)


def test_inference_is_deterministic_and_whole():
    layer = WeightDropLSTM(5, weight_drop=0.9)
    x = random(2, 4, 3)
    np.testing.assert_array_equal(to_numpy(layer(x)), to_numpy(layer(x)))


def test_first_output_from_zero_state_knows_no_mask():
    layer = WeightDropLSTM(5, weight_drop=0.5)
    x = random(2, 4, 3)
    trained, whole = to_numpy(layer(x, training=True)), to_numpy(layer(x))
    np.testing.assert_allclose(trained[:, 0], whole[:, 0], atol=1e-7)
    assert np.abs(trained[:, 1:] - whole[:, 1:]).max() > 1e-4


def test_gradient_is_zero_where_dropped_and_only_there():
    """One SGD step of rate 1 shows the gradient of the stored weights."""
    layer = WeightDropLSTM(6, weight_drop=0.5)
    x, y = random(4, 9, 3), random(4, 9, 6)
    model = keras.Sequential([layer])
    model.build(x.shape)
    before = weights_of(layer)
    model.compile(keras.optimizers.SGD(1.0), "mse", run_eagerly=True)
    dropped = []
    if BACKEND == "jax":
        # Its fit always traces, without values to see, but the state of the
        # generator tells which mask comes next.
        generator = keras.random.SeedGenerator()
        generator.state.assign(ops.copy(layer.seed_generator.state))
        kernel = keras.random.dropout(before[1], 0.5, seed=generator)
        dropped.append(to_numpy(kernel))
    else:
        dropout = layer.weights_for

        def recording(training):
            weights = dropout(training)
            dropped.append(to_numpy(weights[1]))
            return weights

        layer.weights_for = recording
    model.train_on_batch(x, y)
    change = [b - a for b, a in zip(before, weights_of(layer), strict=True)]
    assert all(np.abs(c).max() > 1e-5 for c in change)
    untouched = change[1] == 0
    assert 0.3 < untouched.mean() < 0.7
    np.testing.assert_array_equal(untouched, dropped[-1] == 0)


def test_gradients_equal_those_of_keras_lstm(gradients_of):
    layer = WeightDropLSTM(5)
    reference = keras.layers.LSTM(5, return_sequences=True)
    x = random(3, 6, 4)
    for each in (layer, reference):
        each.build(x.shape)
    reference.set_weights(weights_of(layer))
    steps = []
    for each in (layer, reference):
        model = keras.Sequential([each])
        model.compile(keras.optimizers.SGD(1.0), "mse")
        model.train_on_batch(x, random(3, 6, 5, seed=3))
        steps.append(weights_of(each))
        (input_gradient,) = gradients_of(
            lambda x, each=each: ops.sum(ops.sin(each(x))), [x]
        )
        steps[-1].append(input_gradient)
    for a, e in zip(*steps, strict=True):
        np.testing.assert_allclose(a, e, atol=1e-5)


def test_a_rate_of_zero_can_be_raised_later():
    layer = WeightDropLSTM(5)
    x = random(2, 4, 3)
    whole = to_numpy(layer(x, training=True))
    layer.weight_drop = 0.5
    assert np.abs(to_numpy(layer(x, training=True)) - whole).max() > 1e-4


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision(policy):
    layer = WeightDropLSTM(5, weight_drop=0.5, dtype=policy)
    x = random(3, 6, 4)
    outputs = layer(x)
    dtype = policy.removeprefix("mixed_")
    assert keras.backend.standardize_dtype(outputs.dtype) == dtype
    assert {w.dtype for w in layer.trainable_variables} == {"float32"}
    expected = numpy_lstm(x, *weights_of(layer))
    np.testing.assert_allclose(to_numpy(outputs), expected, atol=0.02)
    model = keras.Sequential([layer])
    model.compile("adam", "mse")
    before = weights_of(layer)
    history = model.fit(x, random(3, 6, 5), verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert all(
        (b != a).any() for b, a in zip(before, weights_of(layer), strict=True)
    )


def test_pure_bfloat16():
    layer = WeightDropLSTM(5, weight_drop=0.5, dtype="bfloat16")
    assert np.isfinite(to_numpy(layer(random(2, 3, 4), training=True))).all()


def stateful_model(batch_size, weights=None):
    layer = WeightDropLSTM(5, stateful=True)
    model = keras.Sequential([keras.Input((None, 4), batch_size), layer])
    if weights is not None:
        for variable, value in zip(
            layer.trainable_variables, weights, strict=True
        ):
            variable.assign(value)
    return model, layer


@pytest.mark.parametrize("jit_compile", [False, True])
def test_state_is_carried_inside_fit(jit_compile):
    if jit_compile and BACKEND == "torch":
        pytest.skip("torch.compile takes too long")
    model, layer = stateful_model(2)
    model.compile(keras.optimizers.SGD(0.0), "mse", jit_compile=jit_compile)
    x = random(2, 12, 4)
    pieces = np.concatenate([x[:, :4], x[:, 4:8], x[:, 8:]])
    y = np.zeros((6, 4, 5), "float32")
    model.fit(pieces, y, batch_size=2, shuffle=False, verbose=0)
    expected = numpy_lstm(x, *weights_of(layer))[:, -1]
    np.testing.assert_allclose(to_numpy(layer.state[0]), expected, atol=1e-6)
    layer.reset_state()
    assert not to_numpy(layer.state[0]).any()
    assert not to_numpy(layer.state[1]).any()


def test_state_is_carried_between_calls():
    model, layer = stateful_model(2)
    x = random(2, 10, 4)
    pieces = [model.predict(x[:, i : i + 5], verbose=0) for i in (0, 5)]
    np.testing.assert_allclose(
        np.concatenate(pieces, axis=1),
        numpy_lstm(x, *weights_of(layer)),
        atol=1e-6,
    )


def test_carried_state_passes_no_gradient(gradients_of):
    _, layer = stateful_model(2)
    x = random(2, 3, 4)

    def loss(x):
        first = layer(x)
        return ops.sum(layer(ops.zeros_like(x))) + 0.0 * ops.sum(first)

    if BACKEND == "jax":
        variables = [v.value for v in layer.variables]

        def pure_loss(x):
            with keras.StatelessScope(
                list(zip(layer.variables, variables, strict=True))
            ):
                return loss(x)

        (gradient,) = gradients_of(pure_loss, [x])
    else:
        (gradient,) = gradients_of(loss, [x])
    np.testing.assert_array_equal(gradient, np.zeros_like(x))


def test_file_round_trip_without_state(tmp_path):
    model, layer = stateful_model(2)
    x = random(2, 3, 4)
    expected = model.predict(x, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert not to_numpy(loaded.layers[-1].state[0]).any()
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), expected)
    model.save_weights(tmp_path / "model.weights.h5")
    other = keras.Sequential([keras.Input((None, 4)), WeightDropLSTM(5)])
    other.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_array_equal(other.predict(x, verbose=0), expected)


def test_config_round_trip():
    options = {
        "units": 5,
        "weight_drop": 0.25,
        "stateful": True,
        "return_sequences": False,
        "return_state": True,
        "seed": 7,
        "portable": True,
    }
    config = WeightDropLSTM(**options).get_config()
    assert options.items() <= config.items()
    assert WeightDropLSTM.from_config(config).get_config() == config


def test_same_seed_same_masks():
    x = random(2, 4, 3)
    first, second = (
        WeightDropLSTM(5, weight_drop=0.5, seed=3) for _ in range(2)
    )
    for layer in (first, second):
        layer.build(x.shape)
    for variable, value in zip(
        second.trainable_variables, weights_of(first), strict=True
    ):
        variable.assign(value)
    for _ in range(2):
        np.testing.assert_array_equal(
            to_numpy(first(x, training=True)),
            to_numpy(second(x, training=True)),
        )


def test_steps_equal_the_sequence():
    layer = WeightDropLSTM(5, weight_drop=0.5)
    x = random(3, 6, 4)
    expected = to_numpy(layer(x))
    state = [np.zeros((3, 5), "float32")] * 2
    for t in range(6):
        state = layer.step(x[:, t], state)
        np.testing.assert_allclose(
            to_numpy(state[0]), expected[:, t], atol=1e-6
        )


def test_symbolic_shapes():
    inputs = keras.Input((None, 4))
    outputs, h, c = WeightDropLSTM(5, return_state=True)(inputs)
    assert outputs.shape == (None, None, 5)
    assert h.shape == c.shape == (None, 5)
    last = WeightDropLSTM(5, return_sequences=False)(inputs)
    assert last.shape == (None, 5)


def test_mask_passes_by_for_the_layers_above():
    ids = np.array([[1, 2, 0, 0], [3, 1, 2, 0]])
    embedded = keras.layers.Embedding(4, 3, mask_zero=True)(ids)
    outputs = WeightDropLSTM(5)(embedded)
    mask = keras.src.backend.get_keras_mask(outputs)
    np.testing.assert_array_equal(to_numpy(mask), ids != 0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"units": 0}, "positive integer. Received: units=0"),
        ({"units": "9"}, "positive integer. Received: units=9"),
        ({"units": 4, "weight_drop": 1.0}, "Received: weight_drop=1.0"),
        ({"units": 4, "weight_drop": -0.1}, "Received: weight_drop=-0.1"),
    ],
)
def test_wrong_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        WeightDropLSTM(**options)


def test_inputs_of_another_shape_are_refused():
    """What torch's kernel is given it does not look at: it may read beyond."""
    layer = WeightDropLSTM(5)
    layer.build((None, None, 4))
    for shape in ((2, 3, 99), (2, 3, 1), (2, 4), (2, 3, 1, 4)):
        with pytest.raises(ValueError, match="incompatible with the layer"):
            layer(random(*shape))
    for shape in ((4,), (3, 1, 4)):
        with pytest.raises(ValueError, match="incompatible with the layer"):
            WeightDropLSTM(5)(keras.Input(shape))


@pytest.mark.parametrize(
    "shapes",
    [
        [(2, 64), (2, 64)],
        [(2, 5), (2, 4)],
        [(1, 5), (1, 5)],
        [(5,), (5,)],
        [(2, 5)],
        [(2, 5)] * 3,
    ],
)
def test_states_of_another_shape_are_refused(shapes):
    state = [random(*shape) for shape in shapes]
    for wrong in (state, state[0]):
        with pytest.raises(ValueError, match=r"shape \(2, 5\).*Received: \["):
            WeightDropLSTM(5)(random(2, 3, 4), initial_state=wrong)
    symbolic = [keras.Input(shape[1:], shape[0]) for shape in shapes]
    with pytest.raises(ValueError, match=r"shape \(2, 5\).*Received: \["):
        WeightDropLSTM(5)(keras.Input((3, 4), 2), initial_state=symbolic)


def test_no_steps_give_no_outputs_and_the_state_that_was():
    layer = WeightDropLSTM(5, return_state=True)
    h, c = random(2, 5, seed=1), random(2, 5, seed=2)
    outputs, last_h, last_c = layer(random(2, 0, 4), initial_state=[h, c])
    assert outputs.shape == (2, 0, 5)
    np.testing.assert_array_equal(to_numpy(last_h), h)
    np.testing.assert_array_equal(to_numpy(last_c), c)


def test_stateful_needs_one_batch_size():
    with pytest.raises(ValueError, match="fixed batch size"):
        WeightDropLSTM(5, stateful=True).build((None, None, 4))
    _, layer = stateful_model(2)
    with pytest.raises(ValueError, match="the size it was built"):
        layer(random(3, 4, 4))


@pytest.mark.parametrize("options", [{}, {"stateful": True}])
def test_only_a_carried_state_can_be_reset(options):
    layer = WeightDropLSTM(5, **options)
    if not options:
        layer.build((2, None, 4))
    with pytest.raises(ValueError, match=r"Received: stateful=.*, built="):
        layer.reset_state()
