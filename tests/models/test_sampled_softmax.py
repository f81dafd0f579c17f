import keras
import numpy as np

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
    rank = targets.astype("float64")
    drawn = np.log((rank + 2) / (rank + 1)) / np.log(len(bias) + 1)
    own = np.exp(logits[range(len(targets)), targets])
    return (np.exp(logits).sum(-1) - own) / own * drawn * num_sampled


def test_many_samples_come_close_to_the_sum_over_all_words():
    data = _data()
    loss = to_numpy(sampled_softmax_loss(*data, 100_000, seed=0))
    np.testing.assert_allclose(
        loss, np.log1p(_full_odds(*data, 100_000)), atol=0.25
    )


def test_few_samples_are_unbiased():
    data = _data(tokens=4)
    odds = [
        np.expm1(to_numpy(sampled_softmax_loss(*data, 50, seed)))
        for seed in range(400)
    ]
    error = np.mean(odds, axis=0, dtype="float64") - _full_odds(*data, 50)
    assert (np.abs(error) < 4 * np.std(odds, axis=0) / np.sqrt(400)).all()
