"""Which rows of a model end up where when its words are exchanged."""

import types

import keras
import numpy as np
import pytest

from ulmfit_keras import models
from ulmfit_keras import text
from ulmfit_keras.models.vocabulary_exchange import exchanged_vocabulary

to_numpy = keras.ops.convert_to_numpy


def rows_of(language_model):
    """From tokens to their word vector and bias."""
    tokens = language_model.preprocessor.tokenizer.get_vocabulary()
    vectors = to_numpy(language_model.output_embeddings)
    biases = to_numpy(language_model.output_bias)
    return {
        token: np.append(vector, bias)
        for token, vector, bias in zip(tokens, vectors, biases, strict=True)
    }


def test_words_keep_their_rows_and_new_ones_take_the_mean(language_model):
    before = rows_of(language_model)
    others = [
        to_numpy(v).copy()
        for v in language_model.backbone.trainable_variables[1:]
    ]
    size = language_model.backbone.vocabulary_size
    # "story" is new, "once" too rare, "good" known at any count.
    transfer = models.exchange_vocabulary(
        language_model, ["the story the story the", "once good"]
    )
    after = rows_of(language_model)
    assert len(after) == size
    assert set(after) - set(before) == {"story"}
    assert set(before) - set(after) == {"not"}  # the last that nobody used
    mean = np.mean(list(before.values()), axis=0)
    for token, row in after.items():
        expected = mean if token == "story" else before[token]
        np.testing.assert_allclose(row, expected, rtol=1e-6)
    # By falling count, then the words that the corpus does not have.
    special = len(text.SPECIAL_TOKENS)
    assert list(after)[:special] == list(text.SPECIAL_TOKENS)
    words = list(after)[special:]
    assert words[:3] == ["the", "good", "story"]
    assert words[3:] == [
        token
        for token in list(before)[special:-1]
        if token not in ("the", "good")
    ]
    assert (transfer.kept, transfer.new, transfer.dropped) == (size - 1, 1, 1)
    for old, variable in zip(
        others, language_model.backbone.trainable_variables[1:], strict=True
    ):
        np.testing.assert_array_equal(to_numpy(variable), old)


def test_known_words_mean_to_the_model_what_they_meant(language_model):
    known = ["good film", "the film was bad !"]

    def logits(tokens):
        vocabulary = language_model.preprocessor.tokenizer.vocabulary
        hidden, _, _ = language_model.backbone.encode(
            np.stack([vocabulary.encode(tokens)])
        )
        outputs = to_numpy(language_model.output_logits(hidden))[0]
        return outputs[:, vocabulary.encode(["xxbos", "good", "film", "!"])]

    sentences = [["xxbos", *words.split()] for words in known]
    before = [logits(tokens) for tokens in sentences]
    models.exchange_vocabulary(language_model, [*known, "story story"])
    for tokens, expected in zip(sentences, before, strict=True):
        np.testing.assert_allclose(logits(tokens), expected, atol=1e-5)


def test_a_classifier_has_the_exchanged_rows(language_model):
    models.exchange_vocabulary(language_model, ["story story"])
    classifier = models.AWDLSTMTextClassifier(
        language_model.backbone,
        2,
        models.AWDLSTMTextClassifierPreprocessor(
            language_model.preprocessor.tokenizer
        ),
    )
    (ids,) = classifier.preprocessor.token_ids(["story"])
    vectors = to_numpy(classifier.backbone.token_embedding(np.array(ids)))
    expected = rows_of(language_model)["story"][:-1]
    np.testing.assert_array_equal(vectors[1], expected)


def test_a_model_with_the_same_tokenizer_stays_as_it_is(
    language_model, make_backbone
):
    backward = models.AWDLSTMCausalLM(
        make_backbone(backwards=True), language_model.preprocessor
    )
    ours, theirs = language_model.preprocessor, backward.preprocessor
    assert ours.tokenizer is theirs.tokenizer
    before = backward.token_ids(["the bad film"])[0].tolist()
    models.exchange_vocabulary(language_model, ["film film film story story"])
    tokenizer = language_model.preprocessor.tokenizer
    assert tokenizer.token_to_id("story") != tokenizer.unk_token_id
    assert backward.token_ids(["the bad film"])[0].tolist() == before
    assert language_model.preprocessor.sequence_length == ours.sequence_length


def test_a_full_corpus_leaves_no_old_word():
    old = text.Vocabulary([*text.SPECIAL_TOKENS, "a", "b"])
    new = exchanged_vocabulary(old, {"c": 3, "d": 5, "e": 2, "f": 1})
    assert new.tokens == (*text.SPECIAL_TOKENS, "d", "c")


def test_subwords_are_not_exchanged():
    # Nothing else of the model is looked at, let alone changed.
    preprocessor = types.SimpleNamespace(tokenizer="not a WordTokenizer")
    language_model = types.SimpleNamespace(preprocessor=preprocessor)
    assert models.exchange_vocabulary(language_model, ["story story"]) is None


@pytest.mark.parametrize("words", [["a"], [f"w{i}" for i in range(99)]])
def test_a_tokenizer_of_another_size_is_refused(make_backbone, words):
    tokenizer = text.WordTokenizer([*text.SPECIAL_TOKENS, *words])
    backbone = make_backbone()
    expected = (
        f"Received: {len(words) + len(text.SPECIAL_TOKENS)} tokens and "
        f"{backbone.vocabulary_size} word vectors"
    )
    with pytest.raises(ValueError, match=expected):
        models.AWDLSTMCausalLM(
            backbone, models.AWDLSTMCausalLMPreprocessor(tokenizer)
        )
    with pytest.raises(ValueError, match=expected):
        models.AWDLSTMTextClassifier(
            backbone, 2, models.AWDLSTMTextClassifierPreprocessor(tokenizer)
        )


def test_integers_are_not_exchanged(language_model):
    language_model.quantize("int8")
    vocabulary = language_model.preprocessor.tokenizer.get_vocabulary()
    with pytest.raises(ValueError, match="Received: word vectors of int8"):
        models.exchange_vocabulary(language_model, ["a story"], min_count=1)
    tokenizer = language_model.preprocessor.tokenizer
    assert tokenizer.get_vocabulary() == vocabulary
