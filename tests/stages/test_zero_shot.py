"""Classes by the words that a language model expects next."""

import keras
import numpy as np
import pytest

import ulmfit_keras as ulmfit
from ulmfit_keras import data
from ulmfit_keras import text

KNOWN = ["good", "great", "bad", "the", "film", "was", "a", "."]
WORDS = {"neg": ["bad"], "pos": ["good", "great"]}
TEXTS = ["the film was bad", "", "a great film . " * 30, "was was", "film"]


def scores_by_hand(language_model, prompt, window, max_tokens=4000):
    """One window of a text at a time, all of it at once."""
    tokenizer = language_model.preprocessor.tokenizer
    prompt = [tokenizer.token_to_id(token) for token in prompt]
    scores = []
    for start, *ids in text.encode_texts(tokenizer, TEXTS):
        ids = ids[: max_tokens - len(prompt) - 1]
        parts, begin = [ids[:window]], 0
        while begin + window < len(ids):
            begin += window // 2
            parts.append(ids[begin : begin + window])
        scores.append(
            np.mean(
                [
                    window_scores(language_model, start, part, prompt)
                    for part in parts
                ],
                axis=0,
            )
        )
    return np.array(scores) - np.mean(scores, axis=0)


def window_scores(language_model, start, ids, prompt):
    tokenizer = language_model.preprocessor.tokenizer
    if language_model.backbone.backwards:
        document = [start, *ids[::-1], *prompt[::-1]]
    else:
        document = [start, *ids, *prompt]
    hidden, _, _ = language_model.backbone.encode(np.array([document]))
    logits = keras.ops.convert_to_numpy(
        language_model.output_logits(hidden[:, -1])
    )[0].astype("float64")
    log_p = logits - np.log(np.exp(logits).sum())
    return [
        np.mean([log_p[tokenizer.token_to_id(w)] for w in group])
        for group in WORDS.values()
    ]


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize(
    "max_tokens, window", [(4000, None), (4000, 7), (20, None), (20, 8)]
)
def test_scores_are_log_probabilities_less_their_mean(
    random_language_model, backwards, max_tokens, window
):
    language_model = random_language_model(KNOWN, backwards)
    scores = ulmfit.zero_shot_scores(
        language_model,
        TEXTS,
        WORDS,
        "the film was",
        window=window,
        batch_size=2,
        max_tokens=max_tokens,
    )
    assert scores.dtype == "float32" and scores.shape == (5, 2)
    np.testing.assert_allclose(
        scores,
        scores_by_hand(
            language_model, ["the", "film", "was"], window or 4000, max_tokens
        ),
        atol=1e-4,
    )
    np.testing.assert_allclose(scores.mean(axis=0), 0, atol=1e-5)


def test_the_language_model_stays_as_it_is(random_language_model):
    language_model = random_language_model(KNOWN)
    before = language_model.get_weights()
    ulmfit.zero_shot_scores(language_model, TEXTS, WORDS, "")
    for old, new in zip(before, language_model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize(
    "words, message",
    [
        ({"good": ["good"]}, "two classes or more"),
        ({"good": "good", "bad": "bad"}, "to lists of words"),
        (["good", "bad"], "must be a dict"),
        ({"good": ["good"], "bad": []}, "a word for each"),
        (
            {"good": ["good", "superb"], "bad": ["a film"]},
            r"Received: \['superb', 'a film'\]",
        ),
        ({"good": ["Good"], "bad": ["bad"]}, r"Received: \['Good'\]"),
    ],
)
def test_words_that_cannot_be_scored_are_errors(
    random_language_model, words, message
):
    with pytest.raises(ValueError, match=message):
        ulmfit.zero_shot_scores(random_language_model(KNOWN), TEXTS, words, "a")


def test_a_window_of_one_token_is_an_error(random_language_model):
    with pytest.raises(ValueError, match="Received: window=1"):
        ulmfit.zero_shot_scores(
            random_language_model(KNOWN), TEXTS, WORDS, "a", window=1
        )


def test_texts_without_a_word_are_an_error(random_language_model):
    with pytest.raises(data.DataError, match="leave empty ones out"):
        ulmfit.zero_shot_scores(
            random_language_model(KNOWN), ["", " "], WORDS, "a"
        )


@pytest.mark.logic
def test_classes_are_found_without_a_label(random_language_model):
    """A language model that learnt what follows what tells texts apart."""
    random = np.random.default_rng(0)
    groups = {"a": ["film", "the"], "b": ["was", "."]}
    words = {"a": ["good"], "b": ["bad"]}
    kinds = random.choice(list(groups), 300)
    contents = [" ".join(random.choice(groups[kind], 4)) for kind in kinds]
    language_model = random_language_model(KNOWN)
    for weight in language_model.weights:
        weight.assign(random.uniform(-0.1, 0.1, size=weight.shape))
    ulmfit.finetune_language_model(
        language_model,
        [f"{c} {words[k][0]}" for c, k in zip(contents, kinds, strict=True)],
        validation_fraction=0,
        epochs=15,
        learning_rate=0.05,
        batch_size=8,
        bptt=14,
        settings="small",
        transfer_vocabulary=False,
        verbose=0,
    )
    scores = ulmfit.zero_shot_scores(language_model, contents, words, "")
    found = np.array(list(words))[scores.argmax(axis=1)]
    assert np.mean(found == kinds) > 0.9
