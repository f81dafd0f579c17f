"""Figures are sound SVG, take the page's colours and need nothing else."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from ulmfit_keras.evaluation import calibration
from ulmfit_keras.evaluation import plots

HISTORY = {
    "loss": [1.0, 0.8, 0.7, 0.6],
    "val_loss": [1.1, 0.7, 0.75, 0.8],
    "accuracy": [0.5, 0.6, 0.7, 0.8],
    "val_accuracy": [0.5, 0.7, 0.7, 0.7],
    "learning_rate": [0.01, 0.02, 0.01, 0.005],
    "unfrozen_groups": [1, 2, 4, 4],
}


def _texts(svg):
    """The texts of a figure, after a look at the rest of it."""
    root = ElementTree.fromstring(svg)
    assert root.tag == "svg"
    assert "http" not in re.sub(">[^<]*<", "><", svg)
    for element in root.iter():
        assert element.tag not in ("script", "style", "metadata", "image")
        for key, value in element.attrib.items():
            assert "#0a0b" not in value
            if key == "href":
                assert value.startswith("#")
    return ["".join(e.itertext()) for e in root.iter("text")]


def test_learning_curves_mark_the_stages():
    svg = plots.learning_curves("Classifier", HISTORY)
    texts = _texts(svg)
    for text in ("1 group", "2 groups", "4 groups", "loss", "accuracy"):
        assert text in texts
    assert texts.count("4 groups") == 1
    assert {"training", "validation", "lowest", "learning rate"} <= set(texts)
    assert "var(--accent)" in svg and "var(--ink)" in svg


def test_one_epoch_is_drawn_as_points():
    history = {key: values[:1] for key, values in HISTORY.items()}
    svg = plots.learning_curves("x", history)
    texts = _texts(svg)
    assert {"loss", "accuracy", "training", "validation"} <= set(texts)
    # A marker each for both parts of both panels, and in both legends.
    assert svg.count("<use") >= 8
    assert "lowest" not in texts


def test_rates_of_steps_are_drawn_over_the_epochs():
    svg = plots.learning_curves(
        "x", {"loss": [1, 2]}, step_learning_rates=np.linspace(0, 1, 50)
    )
    assert "learning rate" in _texts(svg)


@pytest.mark.parametrize(
    "history",
    [
        {},
        {"loss": []},
        {"loss": [float("nan")] * 3, "val_loss": [float("inf")] * 3},
        {"loss": [1.0, None, 2.0], "learning_rate": [0.0, 0.0, 0.0]},
        {"loss": [1.0, 2.0, 3.0], "unfrozen_groups": [1.0]},
        {"loss": [1.0, 2.0], "val_loss": [1.0]},
        {"learning_rate": [float("nan"), float("nan")]},
    ],
)
def test_odd_histories(history):
    svg = plots.learning_curves("x", history)
    assert svg == "" or _texts(svg) is not None


LABELS = [
    "$x_1$",
    '<script>"&',
    "font-family: x; #0a0b01",
    "电影",
    "\x00\ud800",
]


def test_class_names_are_text_and_nothing_else():
    texts = _texts(plots.confusion_matrix(np.eye(5, dtype=int) * 3, LABELS))
    for label in ("$x_1$", '<script>"&', "电影", "\u2400\ufffd"):
        assert texts.count(label) == 2
    assert texts.count("3") == 5


@pytest.mark.parametrize("classes", [1, 2, 6, 31, 50])
def test_confusion_matrix_of_any_size(classes):
    matrix = np.full((classes, classes), 1234)
    labels = [f"a rather long name of class {i}" for i in range(classes)]
    texts = _texts(plots.confusion_matrix(matrix, labels))
    written = classes**2 if classes <= 30 else 0
    assert texts.count("1,234") == written


def test_right_and_wrong_have_their_colours():
    right = plots.confusion_matrix([[5, 0], [0, 5]], ["a", "b"])
    wrong = plots.confusion_matrix([[0, 5], [5, 0]], ["a", "b"])
    assert "var(--accent)" in right and "var(--warm)" not in right
    assert "var(--accent)" not in wrong and "var(--warm)" in wrong


def test_reliability_names_both_errors():
    mine = calibration([0.9, 0.8], [1, 0])
    texts = _texts(plots.reliability(mine, calibration([0.6], [1])))
    assert f"this model (ECE {100 * mine['ece']:.1f} %)" in texts
    assert "TF-IDF (ECE 40.0 %)" in texts
    assert not any("TF-IDF" in t for t in _texts(plots.reliability(mine)))


def test_scatter_draws_a_sample_of_many_rows():
    values = np.random.default_rng(0).normal(size=5000)
    svg = plots.scatter(values, values)
    assert "predicted" in _texts(svg)
    assert svg.count("<use") < 2100


def test_aria_label_is_escaped():
    svg = plots.learning_curves('"><script>\\1', HISTORY)
    _texts(svg)
    assert "<script>" not in svg


def test_not_every_name_of_many_classes_is_written():
    labels = [f"class{i}" for i in range(200)]
    svg = plots.confusion_matrix(np.eye(200, dtype=int), labels)
    written = [text for text in _texts(svg) if text.startswith("class")]
    assert written[:2] == ["class0", "class3"]
    assert len(written) == 2 * 67
