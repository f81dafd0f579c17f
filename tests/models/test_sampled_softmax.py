import keras
import numpy as np
import pytest

from ulmfit_keras import models
from ulmfit_keras.models.sampled_softmax import sampled_softmax_loss

to_numpy = keras.ops.convert_to_numpy


def _data(seed=0, tokens=20, features=8, vocabulary=400):
    random = np.random.default_rng(seed)
    return (
        random.normal(size=(tokens, features)).astype("float32"),
        random.integers(0, vocabulary, tokens).astype("int32"),
        random.normal(size=(vocabulary, features)).astype("float32"),
        random.normal(size=vocabulary).astype("float32"),
    )


def _full_odds(hidden, targets, embeddings, bias, num_sampled):
    """Odds against the target that a sample estimates, over all words."""
    logits = (hidden @ embeddings.T + bias).astype("float64")
    frequent = num_sampled // 2
    rank = targets.astype("float64")
    share = np.log((rank + 2) / (rank + 1))
    share /= np.log((len(bias) + 1) / (frequent + 1))
    expected = np.where(targets < frequent, 1, share * (num_sampled - frequent))
    own = np.exp(logits[range(len(targets)), targets])
    return (np.exp(logits).sum(-1) - own) / own * expected


def test_few_samples_are_unbiased():
    data = _data(tokens=8)
    odds = [
        np.expm1(to_numpy(sampled_softmax_loss(*data, 50, seed)))
        for seed in range(400)
    ]
    error = np.mean(odds, axis=0, dtype="float64") - _full_odds(*data, 50)
    assert (np.abs(error) < 4 * np.std(odds, axis=0) / np.sqrt(400)).all()


def test_the_minimum_is_at_the_true_probabilities():
    """One word in two is the first, as after a word that asks for it."""
    words, step = 60, 0.05
    true = 1 / np.arange(2, words + 2) ** 2.0
    true[0] = true[1:].sum()
    true /= true.sum()
    no_features = np.zeros((words, 1), "float32")
    targets = np.arange(words, dtype="int32")

    def loss(shift, seed):
        bias = (np.log(true) + shift).astype("float32")
        losses = sampled_softmax_loss(
            no_features, targets, no_features, bias, 20, seed
        )
        return to_numpy(losses) @ true

    for word in (0, 1, 5, 9, 10, 30):
        shift = step * np.eye(words)[word]
        slopes = [
            (loss(shift, seed) - loss(-shift, seed)) / (2 * step)
            for seed in range(200)
        ]
        spread = np.std(slopes) / np.sqrt(len(slopes))
        assert abs(np.mean(slopes)) < 4 * spread + 0.01 * true[word]


def test_a_sample_of_most_words_is_refused():
    with pytest.raises(ValueError, match="half .*num_sampled=201, 400 words"):
        sampled_softmax_loss(*_data(), 201)


def test_few_words_need_no_sample():
    backbone = models.AWDLSTMBackbone(50, 4, 4, num_layers=1)
    language_model = models.AWDLSTMCausalLM(backbone)
    for num_sampled, expected in ((26, None), (25, 25)):
        trainer = models.StreamLanguageModel(
            language_model, batch_size=2, num_sampled=num_sampled
        )
        assert trainer.num_sampled == expected
