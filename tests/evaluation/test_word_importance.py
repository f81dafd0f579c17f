"""Occlusion finds the words that a known model looks at, at a known cost."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from ulmfit_keras.evaluation import word_importance
from ulmfit_keras.evaluation.word_importance import word_spans

WEIGHTS = {"good": 2.0, "bad": -3.0, "very": 0.5}


class Model:
    """A logistic regression on words, which counts what it is asked."""

    def __init__(self):
        self.calls = 0
        self.texts = 0

    def __call__(self, texts):
        self.calls += 1
        self.texts += len(texts)
        logit = np.array(
            [
                sum(WEIGHTS.get(text[a:b], 0) for a, b in word_spans(text))
                for text in texts
            ]
        )
        positive = 1 / (1 + np.exp(-logit))
        return np.stack([1 - positive, positive], axis=-1)


def _by_word(text, explained):
    return {
        text[start:end]: pytest.approx(push, abs=1e-6)
        for start, end, push in explained.spans
    }


def test_pushes_are_the_weights_of_a_linear_model():
    text = "a very good, bad film"
    [explained] = word_importance(Model(), [text], targets=[1])
    assert {"a": 0, "very": 0.5, "good": 2, ",": 0, "bad": -3, "film": 0} == (
        _by_word(text, explained)
    )


def test_the_target_is_what_is_predicted():
    good, bad = word_importance(Model(), ["good", "bad"])
    assert (good.target, bad.target) == (1, 0)
    assert good.spans[0][2] == pytest.approx(2)
    assert bad.spans[0][2] == pytest.approx(3)


def test_regression_is_explained_in_its_own_unit():
    def predict(texts):
        return np.array([10.0 * text.count("x") for text in texts])

    [explained] = word_importance(predict, ["x y x"], problem_type="regression")
    assert [push for *_, push in explained.spans] == [10, 0, 10]


def test_a_long_text_is_opened_where_it_matters():
    words = ["the"] * 600
    words[417] = "good"
    text = " ".join(words)
    model = Model()
    [explained] = word_importance(model, [text], [1], max_predictions=80)
    start, end, push = max(explained.spans, key=lambda span: span[2])
    assert text[start:end] == "good"
    assert push == pytest.approx(2)
    assert model.calls == 3
    assert model.texts <= 1 + 80


def test_a_budget_too_small_for_words_gives_passages():
    text = "the " * 300 + "good " + "the " * 300
    [explained] = word_importance(Model(), [text], [1], max_predictions=16)
    start, end, push = max(explained.spans, key=lambda span: span[2])
    assert "good" in text[start:end]
    assert end - start < 100
    assert push == pytest.approx(2)


def test_many_texts_cost_three_calls():
    model = Model()
    texts = [f"good {'the ' * n}" for n in range(1, 90, 9)]
    word_importance(model, texts, max_predictions=20)
    assert model.calls == 3
    assert model.texts <= len(texts) * 21


def test_nothing_to_explain():
    model = Model()
    assert word_importance(model, []) == []
    assert model.calls == 0
    empty, blank = word_importance(model, ["", " \n"])
    assert empty.spans == blank.spans == []
    [huge] = word_importance(model, ["good " * 50_000], max_characters=1000)
    assert huge.spans == []


def test_split_can_be_replaced():
    [explained] = word_importance(
        Model(), ["good bad"], [1], split=lambda text: [(0, 4)]
    )
    assert [span[:2] for span in explained.spans] == [(0, 4)]


def test_targets_must_fit():
    with pytest.raises(ValueError, match="Received: 1 targets, 2 texts"):
        word_importance(Model(), ["a", "b"], targets=[0])


def test_spans_of_other_scripts_and_marks():
    text = "电影好!<br />don't 😀😀"
    assert [text[a:b] for a, b in word_spans(text)] == [
        "电",
        "影",
        "好",
        "!",
        "don't",
        "😀😀",
    ]
    for word in ("हिन्दी", "العَرَبِيَّة", "cafe\u0301", "क\u094d\u200dष"):
        assert word_spans(word) == [(0, len(word))]
    text = "\ufeffok \u2764\ufe0f"
    assert word_spans(text) == [(1, 3), (4, 6)]


@settings(max_examples=150, deadline=None)
@given(
    texts=st.lists(st.text(max_size=200), max_size=4),
    budget=st.integers(1, 40),
)
def test_spans_are_sound_for_any_text(texts, budget):
    model = Model()
    explained = word_importance(model, texts, max_predictions=budget)
    assert len(explained) == len(texts)
    assert model.texts <= len(texts) * (1 + budget)
    for text, importance in zip(texts, explained, strict=True):
        position = 0
        for start, end, push in importance.spans:
            assert position <= start < end <= len(text)
            assert np.isfinite(push)
            position = end
