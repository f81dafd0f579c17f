"""The GPU path on JAX, its kernel replaced by JAX's plain reference."""

import keras
import numpy as np
import pytest
from keras import ops

if keras.backend.backend() != "jax":
    pytest.skip("needs the JAX backend", allow_module_level=True)

import jax
import jax.numpy as jnp
from jax.experimental import rnn

from ulmfit_keras.ops import lstm


def make_arrays(dtype="float32"):
    rng = np.random.default_rng(0)
    shapes = ((3, 6, 4), (3, 5), (3, 5), (4, 20), (5, 20), (20,))
    return [jnp.asarray(rng.normal(size=s), dtype) for s in shapes]


@pytest.fixture
def fake_gpu(monkeypatch):
    calls = []

    def reference(x, h, c, weights, lengths, **sizes):
        calls.append(x.dtype)
        shape = [sizes[n] for n in ("input_size", "hidden_size", "num_layers")]
        unpacked = rnn.unpack_lstm_weights(weights, *shape, False)
        return rnn.lstm_ref(x, h, c, *unpacked, lengths, *shape, 0.0, False)

    monkeypatch.setattr(rnn, "lstm", reference)
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    return calls


def test_gpu_kernel_gives_the_same(fake_gpu):
    arrays = make_arrays()
    actual = lstm(*arrays)
    expected = lstm(*arrays, portable=True)
    assert len(fake_gpu) == 1
    for a, e in zip(actual, expected, strict=True):
        np.testing.assert_allclose(a, e, rtol=1e-5, atol=1e-6)


def test_gpu_kernel_is_for_float32_only(fake_gpu):
    outputs, _, _ = lstm(*make_arrays("bfloat16"))
    assert not fake_gpu
    assert np.isfinite(ops.convert_to_numpy(outputs)).all()
