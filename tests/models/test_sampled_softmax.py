import keras
import numpy as np
import pytest

from ulmfit_keras import models
from ulmfit_keras.models.sampled_softmax import log_sum_exp_scores
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
    # A feature moves the logit of one of these words up, another one down.
    moved = [0, 1, 5, 9, 10, 30]
    up = step * np.eye(words, dtype="float32")[:, moved]
    embeddings = np.concatenate([up, -up], axis=1)
    data = (
        np.repeat(np.eye(2 * len(moved), dtype="float32"), words, axis=0),
        np.tile(np.arange(words, dtype="int32"), 2 * len(moved)),
        embeddings,
        np.log(true).astype("float32"),
    )
    losses = np.stack(
        [to_numpy(sampled_softmax_loss(*data, 20, seed)) for seed in range(200)]
    )
    losses = losses.reshape(200, 2, len(moved), words) @ true
    slopes = (losses[:, 0] - losses[:, 1]) / (2 * step)
    spread = slopes.std(axis=0) / np.sqrt(len(slopes))
    limit = 4 * spread + 0.01 * true[moved]
    assert (np.abs(slopes.mean(axis=0)) < limit).all()


def test_the_gradient_is_that_of_a_sum_over_words(gradients_of):
    hidden, targets, rows, offsets = _data(vocabulary=30)
    offsets *= 10
    left_out = targets[:, None] == np.arange(30)
    weights = np.linspace(-1, 2, len(targets), dtype="float32")
    scores = hidden.astype("float64") @ rows.T + offsets
    p = np.where(left_out, 0, np.exp(scores))
    d_scores = weights[:, None] * p / p.sum(-1, keepdims=True)

    arrays = hidden, rows, offsets

    def log_sums(*tensors):
        return log_sum_exp_scores(*tensors, left_out)

    found = log_sums(*map(keras.ops.convert_to_tensor, arrays))
    np.testing.assert_allclose(to_numpy(found), np.log(p.sum(-1)), rtol=1e-5)
    gradients = gradients_of(
        lambda *tensors: keras.ops.sum(
            log_sums(*tensors) * keras.ops.convert_to_tensor(weights)
        ),
        arrays,
    )
    expected = d_scores @ rows, d_scores.T @ hidden, d_scores.sum(0)
    for gradient, reference in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(gradient, reference, atol=1e-5)


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
