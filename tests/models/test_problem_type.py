import keras
import numpy as np
import pytest

from ulmfit_keras.models.problem_type import PROBLEM_TYPES
from ulmfit_keras.models.problem_type import check_labels

LOGITS = np.array([[2.0, -1.0, 0.5], [-1.0, 3.0, 1.0]], "float32")


@pytest.mark.parametrize(
    "name, targets, outputs, loss, metric",
    [
        (
            "single_label",
            [0, 2],
            np.exp(LOGITS) / np.exp(LOGITS).sum(-1, keepdims=True),
            lambda p: -np.log([p[0, 0], p[1, 2]]).mean(),
            0.5,
        ),
        (
            "multi_label",
            [[1, 0, 0], [0, 1, 1]],
            1 / (1 + np.exp(-LOGITS)),
            lambda p: (
                -np.log(
                    [*p[0, :1], *(1 - p[0, 1:]), 1 - p[1, 0], *p[1, 1:]]
                ).mean()
            ),
            5 / 6,
        ),
        (
            "regression",
            [[1.0, 0.0, 0.5], [-1.0, 0.0, 1.0]],
            LOGITS,
            lambda p: (1 + 1 + 9) / 6,
            (1 + 1 + 3) / 6,
        ),
    ],
)
def test_activation_loss_and_metric(name, targets, outputs, loss, metric):
    problem = PROBLEM_TYPES[name]
    found = keras.activations.get(problem.activation)(
        keras.ops.convert_to_tensor(LOGITS)
    )
    found = keras.ops.convert_to_numpy(found)
    np.testing.assert_allclose(found, outputs, rtol=1e-5)
    targets = np.array(targets, "float32")
    assert float(problem.loss()(targets, found)) == pytest.approx(
        loss(outputs), rel=1e-5
    )
    measure = problem.metric()
    measure.update_state(targets, found)
    assert float(measure.result()) == pytest.approx(metric)


def test_labels_that_fit():
    check_labels("single_label", 2, ["a", "b"])
    check_labels("single_label", 2, None)
    check_labels("multi_label", 1, ["a"])
    check_labels("regression", 1, None)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("ranking", 2, None), "Received: problem_type='ranking'"),
        (("single_label", 1, None), "at least 2 classes. Received: num_"),
        (("regression", 0, None), "at least 1 class. Received: num_classes=0"),
        (("single_label", 3, ["a", "b"]), "classes, 3.*Received: 2 labels"),
        (("multi_label", 2, ["a", "a"]), r"Received: 2 labels, \['a', 'a'\]"),
        (("single_label", 2, ["a", "b", "b"] * 9), "Received: 27 labels.*, …"),
    ],
)
def test_labels_that_do_not_fit(arguments, message):
    with pytest.raises(ValueError, match=message):
        check_labels(*arguments)
