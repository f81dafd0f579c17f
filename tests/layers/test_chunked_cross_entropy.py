import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from keras import ops

from ulmfit_keras.layers.chunked_cross_entropy import chunked_cross_entropy


def _data(tokens=11, features=5, vocabulary=13, seed=0):
    random = np.random.default_rng(seed)
    targets = random.integers(0, vocabulary, tokens).astype("int32")
    weights = random.integers(0, 3, tokens).astype("float32")
    arrays = [
        random.normal(size=shape).astype("float32")
        for shape in ((tokens, features), (vocabulary, features), vocabulary)
    ]
    return targets, weights, arrays


def _reference(targets, weights, arrays):
    """Loss and gradients by hand, in float64."""
    hidden, embeddings, bias = (a.astype("float64") for a in arrays)
    logits = hidden @ embeddings.T + bias
    p = np.exp(logits - logits.max(-1, keepdims=True))
    p /= p.sum(-1, keepdims=True)
    rows = np.arange(len(targets))
    loss = -(weights * np.log(p[rows, targets])).sum()
    p[rows, targets] -= 1
    p *= weights[:, None]
    return loss, [p @ embeddings, p.T @ hidden, p.sum(0)]


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 12), st.integers(1, 15), st.booleans())
def test_loss_is_exact_for_any_cut(tokens, chunk_size, training):
    targets, weights, arrays = _data(tokens)
    loss = chunked_cross_entropy(
        arrays[0], targets, weights, *arrays[1:], chunk_size, training
    )
    expected, _ = _reference(targets, weights, arrays)
    np.testing.assert_allclose(loss, expected, rtol=1e-5)


@pytest.mark.parametrize("chunk_size", [1, 4, 11, 50])
def test_gradients_are_exact(gradients_of, chunk_size):
    targets, weights, arrays = _data()

    def loss(hidden, embeddings, bias):
        total = chunked_cross_entropy(
            hidden, targets, weights, embeddings, bias, chunk_size
        )
        return 0.25 * total

    _, expected = _reference(targets, weights, arrays)
    for found, gradient in zip(
        gradients_of(loss, arrays), expected, strict=True
    ):
        np.testing.assert_allclose(found, 0.25 * gradient, atol=1e-5)


@pytest.mark.parametrize("chunk_size", [0, -1])
def test_chunks_have_tokens(chunk_size):
    targets, weights, arrays = _data()
    with pytest.raises(ValueError, match=f"Received: chunk_size={chunk_size}"):
        chunked_cross_entropy(
            arrays[0], targets, weights, *arrays[1:], chunk_size
        )


def test_no_tokens_have_no_loss(gradients_of):
    targets, weights, arrays = _data(tokens=0)

    def loss(*arrays):
        return (
            chunked_cross_entropy(arrays[0], targets, weights, *arrays[1:], 4)
            + ops.sum(arrays[1] * 0)
            + ops.sum(arrays[2] * 0)
        )

    assert float(loss(*map(ops.convert_to_tensor, arrays))) == 0
    assert not any(g.any() for g in gradients_of(loss, arrays))


def test_half_precision_sums_in_float32(gradients_of):
    targets, weights, arrays = _data(tokens=600)
    expected, gradients = _reference(targets, weights, arrays)

    def loss(hidden, embeddings, bias):
        hidden = ops.cast(hidden, "bfloat16")
        return chunked_cross_entropy(
            hidden, targets, weights, embeddings, bias, 64
        )

    found = loss(*map(ops.convert_to_tensor, arrays))
    assert keras.backend.standardize_dtype(found.dtype) == "float32"
    np.testing.assert_allclose(ops.convert_to_numpy(found), expected, rtol=0.01)
    for f, g in zip(gradients_of(loss, arrays), gradients, strict=True):
        assert np.abs(f - g).max() < 0.02 * np.abs(g).max()


@pytest.mark.skipif(
    keras.backend.backend() != "jax", reason="XLA tells the memory it needs"
)
def test_memory_does_not_grow_with_the_logits():
    import jax

    def temporary_bytes(tokens):
        targets, weights, arrays = _data(tokens, 8, vocabulary=5_000)

        def loss(hidden, embeddings, bias):
            return chunked_cross_entropy(
                hidden, targets, weights, embeddings, bias, 32
            )

        compiled = jax.jit(jax.grad(loss, (0, 1, 2))).lower(*arrays).compile()
        return compiled.memory_analysis().temp_size_in_bytes

    assert temporary_bytes(1024) < 1.5 * temporary_bytes(64)


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="TensorFlow's loops"
)
def test_one_chunk_is_in_memory_at_a_time():
    import tensorflow as tf

    targets, weights, arrays = _data(64)

    @tf.function
    def loss(hidden, embeddings, bias):
        return chunked_cross_entropy(
            hidden, targets, weights, embeddings, bias, 8
        )

    graph = loss.get_concrete_function(*arrays).graph
    loops = [
        operation.get_attr("parallel_iterations")
        for operation in graph.get_operations()
        if operation.type.endswith("While")
    ]
    assert loops == [1]
