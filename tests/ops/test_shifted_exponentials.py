import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from keras import ops

from ulmfit_keras.ops.shifted_exponentials import shifted_exponentials


@settings(deadline=None, max_examples=15)
@given(
    st.integers(1, 5),
    st.integers(2, 7),
    st.floats(0, 300),
    st.sampled_from(["float32", "bfloat16"]),
    st.booleans(),
)
def test_their_sums_give_log_sum_exp(tokens, words, size, dtype, leave_out):
    random = np.random.default_rng(tokens * words)
    scores = ops.cast(size * random.normal(size=(tokens, words)), dtype)
    offsets = random.normal(size=words).astype("float32")
    # One word of each token at most.
    left_out = np.arange(words) == random.integers(0, words, (tokens, 1))
    p, sums, maxima = shifted_exponentials(
        scores,
        ops.convert_to_tensor(offsets),
        ops.convert_to_tensor(left_out) if leave_out else None,
    )
    exact = ops.convert_to_numpy(ops.cast(scores, "float32")) + offsets
    exact = exact.astype("float64")
    if leave_out:
        exact[left_out] = -np.inf
    found = ops.convert_to_numpy(ops.log(sums) + maxima)[:, 0]
    np.testing.assert_allclose(
        found, np.logaddexp.reduce(exact, axis=1), rtol=1e-5, atol=1e-5
    )
    assert keras.backend.standardize_dtype(p.dtype) == dtype
    np.testing.assert_allclose(
        ops.convert_to_numpy(ops.cast(p, "float32")),
        np.exp(exact - exact.max(axis=1, keepdims=True)),
        rtol=1e-4 if dtype == "float32" else 0.01,
        atol=1e-30,
    )


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="a program of TensorFlow's"
)
def test_tensorflow_has_them_compiled():
    import tensorflow as tf

    graph = tf.function(shifted_exponentials).get_concrete_function(
        tf.ones((2, 3)), tf.ones(3)
    )
    functions = graph.graph.as_graph_def().library.function
    assert any(f.attr["_XlaMustCompile"].b for f in functions)
