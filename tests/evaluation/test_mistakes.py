"""The right rows are picked, in the right order."""

import numpy as np

from ulmfit_keras.evaluation import clear_examples
from ulmfit_keras.evaluation import confident_mistakes
from ulmfit_keras.evaluation import worst_labels

PROBABILITIES = np.array(
    [[0.9, 0.1], [0.4, 0.6], [0.01, 0.99], [0.3, 0.7], [0.01, 0.99]]
)


def test_surest_mistakes_first_and_each_text_once():
    texts = ["a", "b", "same", "d", "same"]
    truth = [0, 0, 0, 1, 0]
    assert confident_mistakes(texts, truth, PROBABILITIES) == [2, 1]
    assert confident_mistakes(texts, truth, PROBABILITIES, count=1) == [2]
    assert confident_mistakes(texts, [0, 1, 1, 1, 1], PROBABILITIES) == []


def test_multi_label_mistakes_by_their_worst_label():
    truth = np.array([[1, 0], [1, 1], [0, 1], [0, 1], [0, 1]])
    rows = confident_mistakes(
        list("abcde"), truth, PROBABILITIES, "multi_label"
    )
    assert rows == [1]
    assert worst_labels(truth, PROBABILITIES)[1] == 0
    # With the threshold of the first label at 0.35, row 1 is right.
    assert not confident_mistakes(
        list("abcde"),
        truth,
        PROBABILITIES,
        "multi_label",
        thresholds=[0.35, 0.5],
    )


def test_regression_by_distance():
    rows = confident_mistakes(
        list("abc"), [1.0, 2.0, 3.0], [[1.1], [5.0], [2.0]], "regression"
    )
    assert rows == [1, 2, 0]


def test_clear_examples_are_right_and_one_for_each_class():
    truth = [0, 1, 1, 1, 0]
    assert clear_examples(list("abcde"), truth, PROBABILITIES) == [0, 2]


def test_clear_examples_of_many_classes():
    probabilities = np.eye(50)[np.arange(100) % 50]
    texts = [str(i) for i in range(100)]
    truth = np.arange(100) % 50
    truth[60:] = 7
    rows = clear_examples(texts, truth, probabilities, count=5)
    assert len(rows) == 5
    assert 7 in truth[rows]
