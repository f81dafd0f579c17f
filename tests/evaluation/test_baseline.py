"""The TF-IDF baseline learns, survives odd data, and repeats itself."""

import csv
import lzma

import numpy as np
import pytest

from ulmfit_keras.evaluation import baseline
from ulmfit_keras.evaluation import tfidf_baseline

TRAIN = ["a good film", "good, very good", "bad film", "so bad !"] * 3
TRUTH = np.array([1, 1, 0, 0] * 3)


def test_learns_and_repeats_itself():
    runs = [
        tfidf_baseline(
            TRAIN, TRUTH, ["good one", "bad one"], [1, 0], ["bad", "good"]
        )
        for _ in range(2)
    ]
    metrics, probabilities = runs[0]
    assert metrics["test_error"] == 0
    assert metrics["train_rows"] == 12
    assert metrics["seconds"] > 0
    assert probabilities.shape == (2, 2)
    np.testing.assert_allclose(probabilities.sum(-1), 1)
    np.testing.assert_array_equal(probabilities, runs[1][1])


def test_symbols_and_ideographs_are_words():
    _, probabilities = tfidf_baseline(
        ["why ?", "who ?", "go !", "no !"] * 3,
        [0, 0, 1, 1] * 3,
        ["x ?", "x !"],
        [0, 1],
        "ab",
    )
    assert probabilities[0, 0] > 0.7 and probabilities[1, 1] > 0.7
    metrics, _ = tfidf_baseline(
        ["这部电影很好", "好电影", "很坏", "坏人"] * 3,
        [0, 0, 1, 1] * 3,
        ["非常好", "坏了"],
        [0, 1],
        "ab",
    )
    assert metrics["test_error"] == 0
    # Words of one letter with two different marks.
    metrics, _ = tfidf_baseline(
        ["कि कि", "कि", "कु कु", "कु"] * 3,
        [0, 0, 1, 1] * 3,
        ["कि", "कु"],
        [0, 1],
        "ab",
    )
    assert metrics["features"] == 4


def test_what_the_tokenizers_drop_is_in_no_word():
    clean = ["hello film", "\u2764 great", "\u05e9\u05dc\u05d5\u05dd"]
    hidden = [
        "\ufeffhello\u200b film",
        "\u2764\ufe0fgreat",
        f"\u200f{clean[2]}",
    ]
    truth = [0, 1, 2]
    _, predictions = tfidf_baseline(
        clean, truth, hidden, truth, ["a", "b", "c"]
    )
    _, expected = tfidf_baseline(clean, truth, clean, truth, ["a", "b", "c"])
    np.testing.assert_allclose(predictions, expected)


def test_a_class_without_training_rows_gets_nothing():
    metrics, probabilities = tfidf_baseline(
        TRAIN, TRUTH * 2, ["good", "bad"], [1, 0], ["bad", "unseen", "good"]
    )
    assert (probabilities[:, 1] == 0).all()
    assert metrics["test_error"] == 0.5


def test_texts_without_words():
    metrics, probabilities = tfidf_baseline(
        ["", " ", "\n"] * 4, [0, 0, 1] * 4, ["", "word"], [0, 1], "ab"
    )
    np.testing.assert_allclose(probabilities[:, 0], 2 / 3, atol=0.02)
    assert metrics["rows"] == 2


def test_one_class_only():
    _, probabilities = tfidf_baseline(["x", "y"], [1, 1], ["z"], [1], "ab")
    assert probabilities.tolist() == [[0, 1]]


def test_multi_label():
    truth = np.stack([TRUTH, 1 - TRUTH, np.ones_like(TRUTH)], axis=-1)
    metrics, probabilities = tfidf_baseline(
        TRAIN,
        truth,
        ["good", "bad"],
        [[1, 0, 1], [0, 1, 1]],
        ["good", "bad", "always"],
        "multi_label",
    )
    assert metrics["exact_match"] == 1
    assert (probabilities[:, 2] == 1).all()


def test_regression():
    metrics, values = tfidf_baseline(
        TRAIN, TRUTH * 4.0, ["good", "bad"], [4.0, 0.0], None, "regression"
    )
    assert values.shape == (2,)
    assert metrics["mean_absolute_error"] < 1.5
    assert metrics["name"] == "TF-IDF + ridge regression"


@pytest.mark.parametrize(
    "labels, problem_type, message",
    [
        (None, "single_label", "`labels` must .* Received: labels=None"),
        (None, "multi_label", "`labels` must .* Received: labels=None"),
        ("ab", "multi", "Received: problem_type='multi'"),
    ],
)
def test_what_is_wrong_is_said_before_the_training(
    monkeypatch, labels, problem_type, message
):
    monkeypatch.setattr(baseline, "_features", lambda *_: pytest.fail())
    with pytest.raises(ValueError, match=message):
        tfidf_baseline(TRAIN, TRUTH, ["x"], [1], labels, problem_type)


def _read(path):
    with lzma.open(path, "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [r["text"] for r in rows], [r["label"] for r in rows]


@pytest.mark.data
def test_error_on_trec(data_dir):
    train, train_labels = _read(data_dir / "trec" / "train.csv.xz")
    test, test_labels = _read(data_dir / "trec" / "test.csv.xz")
    labels = sorted(set(train_labels))
    metrics, _ = tfidf_baseline(
        train,
        [labels.index(label) for label in train_labels],
        test,
        [labels.index(label) for label in test_labels],
        labels,
    )
    assert metrics["test_error"] == pytest.approx(0.092, abs=0.006)


@pytest.mark.parametrize("texts", [("good", ["bad"]), (["good"], "bad")])
def test_one_text_is_no_list(texts):
    train, test = texts
    with pytest.raises(ValueError, match="_texts` must be a list"):
        tfidf_baseline(train, [1], test, [0], labels=["a", "b"])
