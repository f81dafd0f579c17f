import numpy as np
import pytest

from ulmfit_keras.data.targets import encode_labels
from ulmfit_keras.data.targets import label_names
from ulmfit_keras.data.targets import sample_weights


def test_names_are_sorted_and_numbers_by_value():
    assert label_names(["b", "a", "b"]) == ["a", "b"]
    assert label_names([10, 9, 10]) == ["9", "10"]
    assert label_names([["x"], [], ["y", "x"]], "multi_label") == ["x", "y"]
    assert label_names([0.5, 1.0], "regression") is None


def test_targets_of_each_problem_type():
    assert encode_labels([10, 9], ["9", "10"]).tolist() == [1, 0]
    many = encode_labels([["y"], [], ["x", "y"]], ["x", "y"], "multi_label")
    assert many.tolist() == [[0, 1], [0, 0], [1, 1]]
    assert encode_labels([1, 2.5], None, "regression").tolist() == [[1], [2.5]]


def test_unseen_label_is_named_with_its_row():
    with pytest.raises(ValueError, match=r"\(2, 'c'\)"):
        encode_labels(["a", "b", "c"], ["a", "b"])


def test_one_class_and_mixed_types_are_refused():
    with pytest.raises(ValueError, match="two classes"):
        label_names(["a", "a"])
    with pytest.raises(ValueError, match="mixed|all texts"):
        label_names([1, "1"])


def test_balanced_weights_give_classes_equal_say():
    weights = sample_weights(["a", "a", "a", "b"], "balanced")
    np.testing.assert_allclose(weights, [2 / 3] * 3 + [2])
    assert sample_weights(["a"], None) is None
    with pytest.raises(ValueError, match="one weight to each label"):
        sample_weights(["a", "b"], {"a": 1.0})
