"""LockedDropout and EmbeddingDropout."""

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from keras import ops

from ulmfit_keras.layers import EmbeddingDropout
from ulmfit_keras.layers import LockedDropout

POLICIES = ["float32", "mixed_float16", "mixed_bfloat16"]


def to_numpy(tensor):
    return ops.convert_to_numpy(ops.cast(tensor, "float32"))


@settings(max_examples=15, deadline=None)
@given(st.sampled_from([(1, 1, 1), (3, 4, 6)]), st.floats(0, 0.95))
def test_locked_mask_is_one_per_row_and_feature(shape, rate):
    x = np.ones(shape, "float32")
    dropped = to_numpy(LockedDropout(rate)(x, training=True))
    np.testing.assert_array_equal(dropped, dropped[:, :1] * x)
    kept = dropped[dropped != 0]
    np.testing.assert_allclose(kept, 1 / (1 - rate), rtol=1e-5)


@pytest.mark.parametrize("policy", POLICIES)
def test_locked_rate_holds_in_every_precision(policy):
    """Drawn in bfloat16, TensorFlow's would be 0.0545."""
    layer = LockedDropout(0.05, dtype=policy)
    dropped = to_numpy(layer(np.ones((200, 2, 400), "float32"), training=True))
    assert abs((dropped == 0).mean() - 0.05) < 0.003
    assert abs(dropped.max() - 1 / 0.95) < 0.01


@pytest.mark.parametrize("policy", POLICIES)
def test_embedding_mask_is_one_per_word(policy):
    rng = np.random.default_rng(0)
    ids = rng.integers(0, 500, (8, 200))
    x = np.ones((8, 200, 3), "float32")
    layer = EmbeddingDropout(500, 0.2, dtype=policy)
    dropped = to_numpy(layer(x, ids, training=True))
    kept = np.zeros(500, bool)
    kept[ids[dropped[..., 0] != 0]] = True
    scale = np.where(kept[ids], 1 / 0.8, 0)[..., None]
    np.testing.assert_allclose(dropped, x * scale, rtol=1e-2)
    share = 1 - kept[np.unique(ids)].mean()
    assert abs(share - 0.2) < 0.06
    again = to_numpy(layer(x, ids, training=True))
    assert (again != dropped).any()


def test_embedding_dropout_equals_dropped_rows(gradients_of):
    """The gradient reaches the rows of kept words only, scaled."""
    ids = np.array([[0, 1, 2, 1], [3, 3, 0, 4]])
    matrix = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")

    def loss(matrix):
        layer = EmbeddingDropout(5, 0.5, seed=1)
        return ops.sum(layer(ops.take(matrix, ids, 0), ids, training=True))

    (gradient,) = gradients_of(loss, [matrix])
    counts = np.bincount(ids.ravel(), minlength=5)[:, None]
    factor = gradient / counts
    np.testing.assert_array_equal(factor, factor[:, :1] * np.ones((5, 3)))
    assert set(factor.ravel()) == {0.0, 2.0}


@pytest.mark.parametrize(
    "layer", [LockedDropout(0.5), EmbeddingDropout(9, 0.5)]
)
def test_inference_changes_nothing(layer):
    x = np.random.default_rng(0).normal(size=(2, 3, 4)).astype("float32")
    others = [np.ones((2, 3), int)] if layer.name.startswith("emb") else []
    np.testing.assert_array_equal(to_numpy(layer(x, *others)), x)


@pytest.mark.parametrize(
    "layer", [LockedDropout(0.0), EmbeddingDropout(9, 0.0)]
)
def test_a_rate_of_zero_can_be_raised_later(layer):
    x = np.ones((2, 3, 64), "float32")
    ids = np.random.default_rng(0).integers(0, 9, (2, 3))
    others = [ids] if layer.name.startswith("emb") else []
    np.testing.assert_array_equal(to_numpy(layer(x, *others, training=True)), x)
    layer.rate = 0.9
    assert (to_numpy(layer(x, *others, training=True)) == 0).any()


def test_masks_are_new_inside_fit():
    ids = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(50, 8)(ids)
    x = EmbeddingDropout(50, 0.3)(x, ids)
    x = LockedDropout(0.5)(x)
    model = keras.Model(ids, x)
    model.compile(keras.optimizers.SGD(0.0), "mse")
    batch = np.random.default_rng(0).integers(0, 50, (4, 6))
    y = np.ones((4, 6, 8), "float32")
    losses = model.fit(batch, y, epochs=4, verbose=0).history["loss"]
    assert len({round(loss, 7) for loss in losses}) == 4


def test_config_and_shapes():
    ids = keras.Input((None,), dtype="int32")
    x = keras.Input((None, 4))
    for layer, inputs in (
        (LockedDropout(0.3, seed=1), (x,)),
        (EmbeddingDropout(9, 0.1, seed=2), (x, ids)),
    ):
        assert layer(*inputs).shape == (None, None, 4)
        copy = type(layer).from_config(layer.get_config())
        assert copy.get_config() == layer.get_config()
        assert (copy.rate, copy.seed) == (layer.rate, layer.seed)


@pytest.mark.parametrize("rate", [-0.1, 1.0, 2, float("nan"), "0.5", None])
def test_wrong_rates(rate):
    with pytest.raises(ValueError, match="Received: rate="):
        LockedDropout(rate)
    with pytest.raises(ValueError, match="Received: rate="):
        EmbeddingDropout(9, rate)


def test_locked_dropout_is_for_sequences():
    for shape in ((4,), (3, 5, 4)):
        with pytest.raises(ValueError, match="expected ndim=3"):
            LockedDropout(0.5)(keras.Input(shape))


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_ids_may_be_floats(policy):
    """They are where a `keras.Input` is given no dtype."""
    ids = keras.Input((None,))
    x = keras.layers.Embedding(4200, 3, dtype=policy)(ids)
    x = EmbeddingDropout(4200, 0.5, dtype=policy)(x, ids)
    model = keras.Model(ids, x)
    model.compile(keras.optimizers.SGD(0.0), "mse")
    words = np.arange(4096, 4112).reshape(2, 8)  # each second one no float16
    model.fit(words, np.zeros((2, 8, 3)), verbose=0)
    layer = EmbeddingDropout(4200, 0.5, seed=1, dtype=policy)
    same = EmbeddingDropout(4200, 0.5, seed=1, dtype=policy)
    ones = np.ones((2, 8, 3), "float32")
    np.testing.assert_array_equal(
        to_numpy(layer(ones, words.astype("float32"), training=True)),
        to_numpy(same(ones, words, training=True)),
    )
