"""ConcatPooling against NumPy, row by row."""

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from keras import ops

from ulmfit_keras.layers import ConcatPooling


def to_numpy(tensor):
    return ops.convert_to_numpy(ops.cast(tensor, "float32"))


def numpy_pooling(x, lengths):
    rows = []
    for row, length in zip(x, lengths, strict=True):
        row = row[:length].astype("float64")
        rows.append(
            np.concatenate([row[-1], row.max(0), row.mean(0)])
            if length
            else np.zeros(3 * x.shape[2])
        )
    return np.stack(rows)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 6), min_size=4, max_size=4), st.integers(0, 99))
def test_ragged_rows(lengths, seed):
    rng = np.random.default_rng(seed)
    # All negative now and then: a maximum must not come from the padding.
    x = rng.normal(-2, 1, (len(lengths), 6, 3)).astype("float32")
    mask = np.arange(6) < np.array(lengths)[:, None]
    expected = numpy_pooling(x, lengths)
    for padding_mask in (mask, mask.astype("int32")):
        pooled = to_numpy(ConcatPooling()(x, padding_mask))
        np.testing.assert_allclose(pooled, expected, atol=1e-5)


def test_without_a_mask_all_steps_count():
    x = np.random.default_rng(0).normal(size=(2, 5, 3)).astype("float32")
    np.testing.assert_allclose(
        to_numpy(ConcatPooling()(x)), numpy_pooling(x, [5, 5]), atol=1e-5
    )


def test_the_mask_of_keras_is_used():
    ids = np.array([[1, 2, 0, 0], [3, 1, 2, 4]])
    model = keras.Sequential(
        [keras.layers.Embedding(5, 3, mask_zero=True), ConcatPooling()]
    )
    pooled = to_numpy(model(ids))
    x = to_numpy(model.layers[0](ids))
    np.testing.assert_allclose(pooled, numpy_pooling(x, [2, 4]), atol=1e-6)
    # A mask that is given counts more.
    both = ConcatPooling()(model.layers[0](ids), np.ones((2, 4)))
    np.testing.assert_allclose(
        to_numpy(both), numpy_pooling(x, [4, 4]), atol=1e-6
    )


def test_padding_and_its_values_change_nothing(gradients_of):
    x = np.random.default_rng(0).normal(size=(2, 4, 3)).astype("float32")
    mask = np.array([[1, 1, 0, 0], [1, 1, 1, 0]])
    expected = to_numpy(ConcatPooling()(x, mask))
    spoilt = np.where(mask[..., None], x, np.nan).astype("float32")
    spoilt = np.pad(spoilt, ((0, 0), (0, 3), (0, 0)), constant_values=np.inf)
    longer = np.pad(mask, ((0, 0), (0, 3)))
    np.testing.assert_array_equal(
        to_numpy(ConcatPooling()(spoilt, longer)), expected
    )
    (gradient,) = gradients_of(
        lambda x: ops.sum(ops.square(ConcatPooling()(x, longer))), [spoilt]
    )
    assert np.isfinite(gradient).all()
    assert not gradient[longer == 0].any()
    assert gradient[longer == 1].all()


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision(policy):
    """A sum of 4000 steps of 60 is beyond float16, their mean is not."""
    x = np.full((1, 4000, 2), 60.0, "float32")
    pooled = ConcatPooling(dtype=policy)(x)
    dtype = policy.removeprefix("mixed_")
    assert keras.backend.standardize_dtype(pooled.dtype) == dtype
    np.testing.assert_array_equal(to_numpy(pooled), np.full((1, 6), 60.0))
    empty = ConcatPooling(dtype=policy)(x, np.zeros((1, 4000)))
    np.testing.assert_array_equal(to_numpy(empty), np.zeros((1, 6)))


def test_symbolic_shape():
    x, mask = keras.Input((None, 4)), keras.Input((None,), dtype="int32")
    assert ConcatPooling()(x, mask).shape == (None, 12)


def test_it_is_saved_with_a_policy(tmp_path):
    x = keras.Input((None, 6))
    policy = keras.DTypePolicy("mixed_bfloat16")
    model = keras.Model(x, ConcatPooling(dtype=policy)(x))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.layers[-1].dtype_policy.name == "mixed_bfloat16"


def test_it_pools_sequences_also_without_steps():
    for shape in ((4,), (3, 5, 4)):
        with pytest.raises(ValueError, match="expected ndim=3"):
            ConcatPooling()(keras.Input(shape))
    pooled = to_numpy(ConcatPooling()(np.zeros((2, 0, 4), "float32")))
    np.testing.assert_array_equal(pooled, np.zeros((2, 12)))
