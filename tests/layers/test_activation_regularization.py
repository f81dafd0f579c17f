"""AR and TAR against their formulas."""

import keras
import numpy as np
import pytest
from keras import ops

from ulmfit_keras.layers import ActivationRegularization


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def added_loss(layer, *args, **kwargs):
    layer(*args, training=True, **kwargs)
    return float(ops.convert_to_numpy(sum(layer.losses)))


def test_formula():
    dropped, raw = random(3, 5, 4), random(3, 5, 4, seed=1)
    for alpha, beta in ((2.0, 1.0), (0.5, 0.0), (0.0, 3.0)):
        layer = ActivationRegularization(alpha, beta)
        expected = alpha * (dropped**2).mean()
        expected += beta * ((raw[:, 1:] - raw[:, :-1]) ** 2).mean()
        actual = added_loss(layer, dropped, raw)
        np.testing.assert_allclose(actual, expected, rtol=1e-5)


def test_padded_steps_do_not_count():
    dropped, raw = random(3, 6, 4), random(3, 6, 4, seed=1)
    lengths = [6, 1, 3]
    mask = np.arange(6) < np.array(lengths)[:, None]
    squares = [d[:n] ** 2 for d, n in zip(dropped, lengths, strict=True)]
    changes = [
        np.diff(r[:n], axis=0) for r, n in zip(raw, lengths, strict=True)
    ]
    expected = 2 * np.concatenate(squares).mean()
    expected += (np.concatenate(changes) ** 2).mean()
    for padding_mask in (mask, mask.astype("int32")):
        layer = ActivationRegularization()
        actual = added_loss(layer, dropped, raw, padding_mask=padding_mask)
        np.testing.assert_allclose(actual, expected, rtol=1e-5)


@pytest.mark.parametrize("length", [0, 1])
def test_no_pairs_of_steps(length):
    x = random(2, 1, 4)
    mask = np.full((2, 1), length)
    actual = added_loss(ActivationRegularization(), x, x, padding_mask=mask)
    expected = 2 * (x**2).mean() * length
    np.testing.assert_allclose(actual, expected, rtol=1e-5)


def test_only_training_adds_a_loss_and_outputs_are_unchanged():
    dropped, raw = random(2, 3, 4), random(2, 3, 4, seed=1)
    layer = ActivationRegularization()
    outputs = layer(dropped, raw)
    assert not layer.losses
    for x in (outputs, layer(dropped, raw, training=True)):
        np.testing.assert_array_equal(ops.convert_to_numpy(x), dropped)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_loss_is_float32_in_half_precision(policy):
    """Squares of 300 are beyond float16."""
    x = np.full((2, 3, 4), 300.0, "float32")
    layer = ActivationRegularization(dtype=policy)
    assert added_loss(layer, x, x) == 2 * 300.0**2
    assert {
        keras.backend.standardize_dtype(loss.dtype) for loss in layer.losses
    } == {"float32"}


def test_the_loss_reaches_fit():
    x = keras.Input((None, 4))
    same = keras.layers.Dense(4, kernel_initializer="identity")(x)
    model = keras.Model(x, ActivationRegularization()(same, same))
    model.compile(keras.optimizers.SGD(0.0), "mse")
    data = random(2, 3, 4)
    history = model.fit(data, data, verbose=0).history
    expected = 2 * (data**2).mean() + (np.diff(data, axis=1) ** 2).mean()
    np.testing.assert_allclose(history["loss"], expected, rtol=1e-5)
    assert model.evaluate(data, data, verbose=0) == 0


def test_config_round_trip():
    layer = ActivationRegularization(alpha=0.5, beta=3.0)
    copy = ActivationRegularization.from_config(layer.get_config())
    assert (copy.alpha, copy.beta) == (0.5, 3.0)
