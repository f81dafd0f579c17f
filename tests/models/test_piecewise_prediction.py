"""Documents read piece by piece are told as if read in one go."""

import keras
import numpy as np
import pytest

from ulmfit_keras import models
from ulmfit_keras.data import LengthBuckets
from ulmfit_keras.models import piecewise_prediction

IS_JAX = keras.backend.backend() == "jax"


@pytest.fixture
def documents():
    random = np.random.default_rng(0)
    lengths = random.permutation([1, 1, 2, 7, 8, 8, 9, 16, 31, 40, 64, 90])
    return [[2, *random.integers(9, 20, size - 1)] for size in lengths]


@pytest.fixture
def pieces(monkeypatch):
    """Small pieces, and the shapes and sizes of those that were read."""
    monkeypatch.setattr(piecewise_prediction, "_TOKENS_AT_ONCE", 32)
    monkeypatch.setattr(piecewise_prediction, "_FEWEST_STEPS", 8)
    seen = []
    predict_on_batch = piecewise_prediction.PieceReader.predict_on_batch

    def recording(self, piece):
        seen.append((piece["token_ids"].shape, piece["lengths"].sum()))
        return predict_on_batch(self, piece)

    monkeypatch.setattr(
        piecewise_prediction.PieceReader, "predict_on_batch", recording
    )
    return seen


def in_one_go(classifier, documents):
    """What the model itself says of all documents in one padded batch."""
    batches = LengthBuckets(documents, batch_size=len(documents))
    assert len(batches) == 1
    outputs = keras.Model.predict_on_batch(classifier, batches[0])
    return batches.restore(outputs)


@pytest.mark.parametrize("backwards, batch_size", [(False, 3), (True, 100)])
def test_pieces_give_the_outputs_of_whole_documents(
    make_classifier, documents, pieces, backwards, batch_size
):
    classifier = make_classifier(backwards=backwards, head_dim=40)
    found = classifier.predict(documents, batch_size=batch_size)
    expected = in_one_go(classifier, documents)
    assert np.ptp(expected, axis=0).max() > 0.02
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert len(pieces) > 2


@pytest.mark.parametrize("problem_type", ["multi_label", "regression"])
def test_outputs_of_all_kinds(make_classifier, documents, pieces, problem_type):
    classifier = make_classifier(problem_type=problem_type)
    np.testing.assert_allclose(
        classifier.predict(documents),
        in_one_go(classifier, documents),
        rtol=1e-4,
        atol=1e-5,
    )


def test_the_batch_stays_full_and_small(make_classifier, pieces):
    random = np.random.default_rng(1)
    documents = [[5] * size for size in random.integers(1, 300, 60)]
    make_classifier().predict(documents, batch_size=4)
    tokens = sum(map(len, documents))
    assert sum(size for _, size in pieces) >= tokens
    computed = sum(rows * steps for (rows, steps), _ in pieces)
    assert computed < 1.1 * tokens
    assert max(rows * steps for (rows, steps), _ in pieces) == 32
    if IS_JAX:
        assert len({shape for shape, _ in pieces}) == 1


@pytest.mark.skipif(not IS_JAX, reason="others compile no shapes")
def test_many_calls_have_few_shapes_on_jax(make_classifier, pieces):
    random = np.random.default_rng(0)
    classifier = make_classifier()
    for count in (3, 4, 30, 32):
        lengths = random.integers(1, 64, count)
        classifier.predict([[2] * size for size in lengths], batch_size=24)
    # A batch that fills the one asked for is not filled up to 32.
    assert {rows for (rows, _), _ in pieces} == {4, 24}
    assert {steps for (_, steps), _ in pieces} <= {8, 16, 24, 32}


@pytest.mark.skipif(IS_JAX, reason="JAX would compile each shape")
def test_no_column_is_padding_alone(make_classifier, pieces):
    documents = [[2] * size for size in (3, 21, 20, 9, 9)]
    make_classifier().predict(documents, batch_size=2)
    assert max(rows for (rows, _), _ in pieces) == 2
    assert all(steps <= tokens for (_, steps), tokens in pieces)
    assert pieces[-1] == ((1, 3), 3)


def test_half_precision_keeps_a_long_sum(make_classifier):
    """The mean of many outputs does not drown in bfloat16."""
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        classifier = make_classifier()
    finally:
        keras.config.set_dtype_policy("float32")
    exact = make_classifier()
    exact.set_weights(classifier.get_weights())
    document = [[2] + [9, 11, 12] * 2000]
    np.testing.assert_allclose(
        classifier.predict(document), exact.predict(document), atol=0.02
    )


def test_new_weights_are_used(make_classifier, documents):
    classifier = make_classifier()
    before = classifier.predict(documents)
    other = make_classifier(seed=1)
    classifier.set_weights(other.get_weights())
    found = classifier.predict(documents)
    assert np.abs(found - before).max() > 0.02
    np.testing.assert_allclose(found, other.predict(documents), atol=1e-5)


def test_quantized_weights_are_used(make_classifier, documents):
    classifier = make_classifier()
    vectors = classifier.backbone.token_embedding.embeddings
    vectors.assign(30 * vectors)
    before = classifier.predict(documents)
    classifier.quantize("int8")
    found = classifier.predict(documents)
    assert 1e-4 < np.abs(found - before).max() < 0.1
    np.testing.assert_allclose(
        found, in_one_go(classifier, documents), atol=1e-5
    )


def test_nothing_of_it_is_part_of_the_model(make_classifier, tmp_path):
    """A prediction leaves neither weights nor layers in what is saved."""
    classifier = make_classifier()
    weights = [weight.path for weight in classifier.weights]
    expected = classifier.predict([[2, 9]])
    assert [weight.path for weight in classifier.weights] == weights
    classifier.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert isinstance(loaded, models.AWDLSTMTextClassifier)
    np.testing.assert_allclose(loaded.predict([[2, 9]]), expected, atol=1e-6)


def test_progress_is_counted_in_tokens(make_classifier, capsys):
    make_classifier().predict([[2] * 30, [2] * 11], verbose=1)
    assert "41/41" in capsys.readouterr().out


def test_an_empty_batch_is_refused(make_classifier):
    with pytest.raises(ValueError, match="at least 1. Received: batch_size=0"):
        make_classifier().predict([[2]], batch_size=0)
