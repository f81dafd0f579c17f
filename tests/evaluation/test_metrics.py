"""Metrics against values worked out by hand, and against bad input."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from ulmfit_keras.evaluation import metrics as M

# Truth a a a b b c, predicted a a b b b a.
TRUTH = [0, 0, 0, 1, 1, 2]
PROBABILITIES = [
    [0.8, 0.1, 0.1],
    [0.5, 0.3, 0.2],
    [0.3, 0.6, 0.1],
    [0.2, 0.7, 0.1],
    [0.0, 1.0, 0.0],
    [0.9, 0.0, 0.1],
]
LABELS = ["a", "b", "c"]


def test_single_label_by_hand():
    found = M.classification_metrics(TRUTH, PROBABILITIES, LABELS)
    assert found["rows"] == 6
    assert found["accuracy"] == pytest.approx(4 / 6)
    assert found["test_error"] == pytest.approx(2 / 6)
    a, b, c = found["per_class"]
    assert a["precision"] == pytest.approx(2 / 3)
    assert a["recall"] == pytest.approx(2 / 3)
    assert b["precision"] == pytest.approx(2 / 3)
    assert b["recall"] == pytest.approx(1.0)
    assert b["f1"] == pytest.approx(0.8)
    assert c == {
        "label": "c",
        "precision": 0,
        "recall": 0,
        "f1": 0,
        "support": 1,
        "predicted": 0,
    }
    assert found["macro_f1"] == pytest.approx((2 / 3 + 0.8 + 0) / 3)
    assert found["weighted_f1"] == pytest.approx((3 * 2 / 3 + 2 * 0.8) / 6)
    assert found["confusion_matrix"] == [[2, 1, 0], [0, 2, 0], [1, 0, 0]]
    loss = -np.log([0.8, 0.5, 0.3, 0.7, 1.0, 0.1]).mean()
    assert found["log_loss"] == pytest.approx(loss)


def test_a_class_without_rows_does_not_lower_the_mean():
    found = M.classification_metrics([0, 1], np.eye(3)[:2], LABELS)
    assert found["macro_f1"] == 1.0
    assert len(found["per_class"]) == 3


def test_multi_label_by_hand():
    truth = [[1, 0], [1, 1], [0, 0], [0, 1]]
    probabilities = [[0.9, 0.2], [0.8, 0.4], [0.1, 0.1], [0.6, 0.7]]
    found = M.multi_label_metrics(truth, probabilities, ["x", "y"])
    # Predicted: x, x, nothing, x y. Right as a whole: rows 0 and 2.
    assert found["exact_match"] == 0.5
    assert found["test_error"] == 0.5
    assert found["hamming_loss"] == 2 / 8
    x, y = found["per_class"]
    assert (x["precision"], x["recall"]) == (pytest.approx(2 / 3), 1.0)
    assert (y["precision"], y["recall"]) == (1.0, 0.5)
    assert found["micro_f1"] == pytest.approx(2 * 3 / (2 * 3 + 1 + 1))
    assert found["macro_f1"] == pytest.approx((0.8 + 2 / 3) / 2)
    assert found["mean_average_precision"] == 1.0


def test_thresholds_are_chosen_per_class_and_used():
    truth = np.array([[1, 0], [1, 1], [0, 0], [0, 1]])
    probabilities = np.array([[0.9, 0.2], [0.8, 0.4], [0.1, 0.1], [0.6, 0.7]])
    thresholds = M.best_thresholds(truth, probabilities)
    assert 0.6 < thresholds[0] <= 0.8
    assert 0.2 < thresholds[1] <= 0.4
    found = M.multi_label_metrics(truth, probabilities, "xy", thresholds)
    with pytest.raises(ValueError, match=r"shape \(3,\), 2 labels"):
        M.multi_label_metrics(truth, probabilities, "xy", [0.1, 0.2, 0.3])
    assert found["exact_match"] == 1.0
    assert found["thresholds"] == thresholds.tolist()
    wrong = M.wrong_rows(truth, probabilities, "multi_label", thresholds)
    assert not wrong.any()


def test_one_label_of_many_is_read_as_a_column_not_as_two_classes():
    found = M.multi_label_metrics([[1], [0], [0]], [[0.9], [0.8], [0.1]], "x")
    assert len(found["per_class"]) == 1
    assert found["per_class"][0]["precision"] == 0.5


def test_a_label_without_rows_has_no_average_precision():
    found = M.multi_label_metrics([[1, 0], [1, 0]], [[1, 0], [1, 1]], "xy")
    assert found["per_class"][1]["average_precision"] is None
    assert found["mean_average_precision"] == 1.0
    assert M.best_thresholds([[1, 0]], [[0.3, 0.1]]).tolist() == [0.3, 0.5]


def test_regression_by_hand():
    found = M.regression_metrics([1.0, 2.0, 3.0], [[1.0], [2.5], [2.0]])
    assert found["mean_absolute_error"] == pytest.approx(0.5)
    assert found["median_absolute_error"] == pytest.approx(0.5)
    assert found["root_mean_squared_error"] == pytest.approx(np.sqrt(1.25 / 3))
    assert found["r2"] == pytest.approx(1 - 1.25 / 2)
    assert found["spearman"] == pytest.approx(0.5)


@pytest.mark.parametrize("truth", [[2.0], [2.0, 2.0]])
def test_undefined_values_are_none(truth):
    found = M.regression_metrics(truth, np.arange(len(truth)))
    assert found["r2"] is None and found["spearman"] is None
    json.dumps(found, allow_nan=False)


def test_dispatch_by_problem_type():
    assert (
        M.prediction_metrics(TRUTH, PROBABILITIES, LABELS)["problem_type"]
        == "single_label"
    )
    assert "r2" in M.prediction_metrics([1, 2], [1, 2], None, "regression")
    assert "hamming_loss" in M.prediction_metrics(
        [[1, 0]], [[1, 0]], "ab", "multi_label"
    )
    with pytest.raises(ValueError, match="Received: problem_type='other'"):
        M.prediction_metrics([0], [[1]], "a", "other")


@pytest.mark.parametrize(
    ("truth", "probabilities", "message"),
    [
        ([0, 3], [[1, 0, 0]] * 2, "class indices from 0 to 2"),
        ([0, -1], [[1, 0, 0]] * 2, "class indices from 0 to 2"),
        ([0.5, 1], [[1, 0, 0]] * 2, "Received: dtype float64"),
        ([0, 1], [[3.0, -1, 2]] * 2, "apply a softmax"),
        ([0, 1], [[0.5, 0.2, 0.1]] * 2, "must sum to 1"),
        ([0, 1], [[1, 0, 0], [np.nan, 0, 0]], "the first: 1"),
        ([0, 1], [[1, 0]] * 2, "one column per label"),
        ([0], [[1, 0, 0]] * 2, "one row per text"),
        ([], np.zeros((0, 3)), "one row per text"),
    ],
)
def test_bad_single_label_input(truth, probabilities, message):
    with pytest.raises(ValueError, match=message):
        M.classification_metrics(truth, probabilities, LABELS)


def test_bad_multi_label_and_regression_input():
    with pytest.raises(ValueError, match="must hold 0 and 1"):
        M.multi_label_metrics([[2, 0]], [[0.5, 0.5]], "xy")
    with pytest.raises(ValueError, match="apply a sigmoid"):
        M.multi_label_metrics([[1, 0]], [[2.5, -1]], "xy")
    with pytest.raises(ValueError, match="same, one or more, rows"):
        M.regression_metrics([1.0], [1.0, 2.0])
    with pytest.raises(ValueError, match="must be finite"):
        M.regression_metrics([1.0], [np.inf])


@settings(max_examples=15, deadline=None)
@given(
    classes=st.integers(2, 50),
    rows=st.integers(1, 60),
    seed=st.integers(0, 10**6),
    half=st.booleans(),
)
def test_any_probabilities_give_valid_json(classes, rows, seed, half):
    generator = np.random.default_rng(seed)
    logits = generator.normal(0, 5, (rows, classes))
    probabilities = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    probabilities = probabilities.astype("float16" if half else "float64")
    truth = generator.integers(0, classes, rows)
    labels = [f"class {i}" for i in range(classes)]
    found = M.classification_metrics(truth, probabilities, labels)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    matrix = np.array(found["confusion_matrix"])
    assert matrix.sum() == rows
    assert found["accuracy"] == pytest.approx(np.trace(matrix) / rows)
    assert found["accuracy"] + found["test_error"] == pytest.approx(1)
    assert sum(b["count"] for b in found["calibration"]["bins"]) == rows
    low, high = found["test_error_interval"]
    assert 0 <= low <= found["test_error"] <= high <= 1


def test_labels_may_be_an_array():
    probabilities = [[0.9, 0.1], [0.2, 0.8]]
    found = M.classification_metrics(
        [0, 1], probabilities, np.array(["a", "b"])
    )
    assert found["test_error"] == 0
