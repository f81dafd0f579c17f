import csv
import decimal
import io
import re

import numpy as np
import pytest

from ulmfit_keras.data.errors import DataError
from ulmfit_keras.data.tables import TextTable
from ulmfit_keras.data.tables import read_table
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
    assert encode_labels(np.array([10, 9]), [9, 10]).tolist() == [1, 0]
    many = encode_labels([["y"], [], ["x", "y"]], ["x", "y"], "multi_label")
    assert many.tolist() == [[0, 1], [0, 0], [1, 1]]
    assert encode_labels([1, 2.5], None, "regression").tolist() == [[1], [2.5]]


TABLE = 'text,label\n"two\nlines",b\ngood,a\n\n"he said ""no""\n\n",c\nbad,c\n'


@pytest.fixture
def table(tmp_path):
    """Rows that are no longer where their numbers say."""
    path = tmp_path / "reviews.csv"
    path.write_text(TABLE, encoding="utf-8")
    return read_table(path)


def test_a_tables_errors_name_the_file_and_its_rows(table):
    assert encode_labels(table, ["a", "b", "c"]).tolist() == [1, 0, 2, 2]
    assert label_names(table) == ["a", "b", "c"]
    unseen = r"reviews\.csv has labels.*Received: 'c' in row 5 .*, row 6"
    with pytest.raises(DataError, match=unseen):
        encode_labels(table, ["a", "b"])
    two = table.select([3, 2])
    with pytest.raises(DataError, match="2 classes.*csv.*'c' in row 6"):
        label_names(two)
    with pytest.raises(DataError, match="no weight for 'a' in row 3 .*'z'"):
        sample_weights(table, {"b": 1, "c": 1, "z": 1})


def test_row_names_are_those_of_the_file(table):
    lines = TABLE.split("\n")
    with pytest.raises(DataError) as error:
        encode_labels(table, ["a", "b"])
    row, line = re.search(
        r"row (\d+) \(line (\d+)\)", str(error.value)
    ).groups()
    assert lines[int(line) - 1].startswith('"he said')
    assert list(csv.reader(io.StringIO(TABLE)))[int(row) - 1][1] == "c"


def test_labels_in_lists_are_named_by_their_place():
    with pytest.raises(DataError, match="the labels .*'c' in row 2, row 3"):
        encode_labels(["a", "b", "c", "c"], ["a", "b"])
    with pytest.raises(DataError, match="'z' in row 1"):
        encode_labels([["a"], ["b", "z"]], ["a", "b"], "multi_label")
    with pytest.raises(DataError, match="and 20 more"):
        encode_labels(["a"] * 30, ["b", "c"])


def test_one_class_and_mixed_types_are_refused():
    with pytest.raises(DataError, match="2 classes.*'a' in row 0, row 1"):
        label_names(["a", "a"])
    with pytest.raises(DataError, match="Received: no label"):
        label_names([[], []], "multi_label")
    assert label_names([["a"], []], "multi_label") == ["a"]
    with pytest.raises(DataError, match="1 in row 0, '1' in row 1"):
        label_names([1, "1", 1])
    with pytest.raises(DataError, match="True in row 0, 1 in row 1"):
        label_names([True, 1, 0])


@pytest.mark.parametrize("label", ["abc", 3])
def test_a_label_that_is_no_list_is_not_taken_apart(label):
    table = TextTable(["one", "two"], [["abc"], label])
    for find in (label_names, lambda *a: encode_labels(a[0], ["abc"], a[1])):
        with pytest.raises(DataError, match="single_label.*in row 1$"):
            find(table, "multi_label")


def test_a_label_of_a_regression_is_a_finite_number():
    with pytest.raises(DataError, match="nan in row 1, 'x' in row 2"):
        encode_labels([1.0, float("nan"), "x"], None, "regression")
    with pytest.raises(DataError, match=r"at most 3.4e\+38.*1e\+300 in row 1"):
        encode_labels([1.0, 1e300, 10**400], None, "regression")
    with pytest.raises(DataError, match="equally many.*1 in row 0, 2 in row 1"):
        encode_labels([[1.0], [1, 2]], None, "regression")


def test_labels_of_a_regression_keep_their_digits():
    labels = [1234567.89, 1700000059.0]
    assert encode_labels(labels, None, "regression")[:, 0].tolist() == labels


def test_a_regression_needs_different_labels():
    assert label_names([1.0, 2], "regression") is None
    assert label_names([[1.0, 2.0], [1.0, 3.0]], "regression") is None
    for labels in ([3.5, 3.5], [1], []):
        with pytest.raises(DataError, match="2 values or more.*Received: "):
            label_names(labels, "regression")


def test_balanced_weights_give_classes_equal_say():
    weights = sample_weights(["a", "a", "a", "b"], "balanced")
    np.testing.assert_allclose(weights, [2 / 3] * 3 + [2])
    assert sample_weights(["a"], None) is None
    with pytest.raises(
        DataError, match="one weight to each label.*'b' in row 1"
    ):
        sample_weights(["a", "b"], {"a": 1.0})
    for wrong in ({"a": float("nan")}, {"a": -2}, "Balanced", [1.0]):
        with pytest.raises(ValueError, match="Received: class_weight="):
            sample_weights(["a"], wrong)


def test_a_table_without_labels_is_told():
    with pytest.raises(DataError, match="must have labels"):
        label_names(TextTable(["good"]))
    with pytest.raises(DataError, match="row 1: no label"):
        label_names(TextTable(["good", "bad"], ["pos", ""]))


def test_what_is_no_class_is_told_by_its_row():
    assert label_names([1.0, 0.0, np.float32(1)]) == ["0", "1"]
    assert encode_labels(np.array([1.0, 0.0]), ["0", "1"]).tolist() == [1, 0]
    assert label_names([decimal.Decimal("1"), decimal.Decimal(2)]) == ["1", "2"]
    for label in (None, float("nan"), "", " "):
        with pytest.raises(DataError, match="row 2: no label"):
            label_names(["a", "b", label])
        with pytest.raises(DataError, match="row 0: no label"):
            encode_labels([label], ["a", "b"])
    with pytest.raises(DataError, match="row 0: the label 1.5 is neither"):
        label_names([1.5, 2.0])
    with pytest.raises(DataError, match="row 1: no label"):
        label_names([["a"], [None]], "multi_label")


def test_a_matrix_of_indicators_is_no_list_of_names():
    with pytest.raises(DataError, match=r"row 0: \[0, 1, 0\] looks like"):
        label_names(np.array([[0, 1, 0], [1, 0, 0]]), "multi_label")
    with pytest.raises(DataError, match=r"row 1: \[0, 0\] looks like"):
        read_table((["x", "y"], [[0, 1], [0, 0]]), problem_type="multi_label")
    assert label_names([[0, 1], [1]], "multi_label") == ["0", "1"]
    with pytest.raises(DataError, match="matrix of two columns"):
        label_names([[0, 1], [1, 0]], "multi_label")
    with pytest.raises(DataError, match="row 0: .'0', '1', '0'. looks like"):
        read_table((["x", "y"], ["0;1;0", "1"]), problem_type="multi_label")
