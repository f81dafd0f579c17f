import keras
import numpy as np
import pytest

from ulmfit_keras import models


@pytest.fixture
def pair(make_classifier):
    labels = ["bad", "fair", "good"]
    return (
        make_classifier(seed=1, labels=labels),
        make_classifier(seed=1, labels=labels, backwards=True),
    )


@pytest.fixture
def bidirectional(pair):
    return models.BidirectionalTextClassifier(*pair)


def test_backward_equals_forward_on_reversed_text(pair, texts):
    forward, backward = pair
    ids = forward.preprocessor.token_ids(texts)
    reversed_ids = [[row[0], *row[:0:-1]] for row in ids]
    np.testing.assert_allclose(
        backward.predict(texts), forward.predict(reversed_ids), atol=1e-6
    )
    assert not np.allclose(backward.predict(texts), forward.predict(texts))


def test_probabilities_are_averaged(pair, bidirectional, texts):
    expected = np.mean([c.predict(texts) for c in pair], axis=0)
    found = bidirectional.predict(texts, batch_size=2)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert bidirectional.labels == ["bad", "fair", "good"]


def test_texts_are_cut_into_words_once(pair, bidirectional, texts):
    """The forward classifier's preprocessor serves both."""
    expected = bidirectional.predict(texts)
    pair[1].preprocessor = None
    np.testing.assert_allclose(bidirectional.predict(texts), expected)


@pytest.mark.filterwarnings("ignore:.*The use of `x.T`:UserWarning")
def test_quantized_weights_are_used_and_kept(
    pair, bidirectional, texts, tmp_path
):
    for classifier in pair:
        vectors = classifier.backbone.token_embedding.embeddings
        vectors.assign(4 * vectors)
    before = bidirectional.predict(texts)
    bidirectional.quantize("int8")
    found = bidirectional.predict(texts)
    assert np.abs(found - before).max() > 3e-5
    batch = bidirectional.preprocessor(texts)
    np.testing.assert_allclose(found, bidirectional.predict(batch), atol=1e-5)
    bidirectional.save(tmp_path / "both.keras")
    loaded = keras.saving.load_model(tmp_path / "both.keras")
    np.testing.assert_allclose(loaded.predict(texts), found, atol=1e-6)


def test_classifiers_of_the_same_name_are_one_model(pair, texts, tmp_path):
    forward, backward = pair
    for classifier in pair:
        classifier.save(tmp_path / f"{classifier.backbone.backwards}.keras")
    forward, backward = (
        keras.saving.load_model(tmp_path / f"{name}.keras", compile=False)
        for name in (False, True)
    )
    backward.name = forward.name
    both = models.BidirectionalTextClassifier(forward, backward)
    assert backward.name == forward.name  # nobody's model was renamed
    both.save(tmp_path / "both.keras")
    loaded = keras.saving.load_model(tmp_path / "both.keras")
    np.testing.assert_allclose(
        loaded.predict(texts), both.predict(texts), atol=1e-6
    )


def test_texts_are_evaluated(bidirectional, texts):
    bidirectional.compile(
        loss="sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    targets = np.arange(len(texts)) % 3
    weights = np.array([1.0, 0.0, 2.0, 1.0, 1.0, 0.5, 3.0], "float32")
    probabilities = bidirectional.predict(texts)
    losses = -np.log(probabilities[np.arange(len(texts)), targets])
    loss, accuracy = bidirectional.evaluate(
        texts, targets, batch_size=2, verbose=0
    )
    assert loss == pytest.approx(losses.mean(), abs=1e-5)
    hits = probabilities.argmax(-1) == targets
    assert accuracy == pytest.approx(hits.mean(), abs=1e-6)
    # Keras divides by the number of texts, not by the sum of their weights.
    weighted, _ = bidirectional.evaluate(
        texts, targets, sample_weight=weights, verbose=0
    )
    assert weighted == pytest.approx((losses * weights).mean(), abs=1e-5)
    batches = bidirectional.preprocessor(texts)
    assert bidirectional.evaluate(
        batches, targets, batch_size=2, verbose=0
    ) == pytest.approx([loss, accuracy], abs=1e-5)


def test_one_file_holds_both(bidirectional, texts, tmp_path):
    bidirectional.save(tmp_path / "both.keras")
    loaded = keras.saving.load_model(tmp_path / "both.keras")
    np.testing.assert_allclose(
        loaded.predict(texts), bidirectional.predict(texts), atol=1e-6
    )


def test_one_preset_holds_both(bidirectional, texts, tmp_path):
    bidirectional.save_to_preset(tmp_path)
    loaded = models.BidirectionalTextClassifier.from_preset(tmp_path)
    np.testing.assert_allclose(
        loaded.predict(texts), bidirectional.predict(texts), atol=1e-6
    )


def test_classifiers_that_do_not_fit_are_refused(make_classifier, pair):
    forward, backward = pair
    with pytest.raises(ValueError, match="Received: backwards=True"):
        models.BidirectionalTextClassifier(backward, forward)
    other = make_classifier(backwards=True, labels=["x", "y", "z"])
    with pytest.raises(ValueError, match="same `labels`"):
        models.BidirectionalTextClassifier(forward, other)
    backward.preprocessor.sequence_length = 7
    with pytest.raises(ValueError, match="Received: 4000 and 7"):
        models.BidirectionalTextClassifier(forward, backward)
    backward.preprocessor.sequence_length = 4000
    words = backward.preprocessor.tokenizer.get_vocabulary()
    words[-1], words[-2] = words[-2], words[-1]
    backward.preprocessor.tokenizer.set_vocabulary(words)
    with pytest.raises(ValueError, match="Received: <Vocabulary of"):
        models.BidirectionalTextClassifier(forward, backward)
