"""The page is whole, safe, self-contained and says what is true."""

import html.parser
import re

import numpy as np
import pytest
from hypothesis import HealthCheck
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from ulmfit_keras import evaluation
from ulmfit_keras.evaluation import verdict
from ulmfit_keras.evaluation.report import write_report

EVIL = [
    "<script>alert(1)</script>",
    "</blockquote></section><img src=x onerror=alert(1)>",
    '" onmouseover="alert(1)" x="',
    "<style>@import url(http://evil.example/x.css)</style>",
    "<!-- &amp; ]]> &#60;iframe src=//evil.example>",
    "javascript:alert(1) \x00\ud800\u202e مرحبا 😀",
    "",
]
VOID = {"meta", "br", "img", "input", "link", "hr", "path", "use"}
ALLOWED = set(
    "html head meta title style body main h1 h2 h3 nav a section p div b span "
    "i table thead tbody tr th td article blockquote mark footer svg g path "
    "use defs clippath rect text tspan".split()
)


class _Page(html.parser.HTMLParser):
    """Reads a page and refuses whatever could load or run something."""

    def __init__(self, source):
        super().__init__(convert_charrefs=True)
        self.open, self.text, self.tags = [], "", []
        self.ids, self.links = [], []
        self.feed(source)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        assert tag in ALLOWED, tag
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        for key, value in attributes:
            assert not key.startswith("on"), key
            assert key not in ("src", "srcset", "action", "srcdoc", "data")
            if key == "href":
                assert value.startswith("#")
                self.links.append((tag, value[1:]))
            if key == "id":
                self.ids.append(value)
            if key == "style":
                assert "url(" not in value.replace("url(#", "")

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] != "style":
            self.text += data
        else:
            assert "@import" not in data and "url(" not in data


def _read(path):
    source = path.read_text(encoding="utf-8")
    assert source.startswith("<!DOCTYPE html>")
    assert "default-src 'none'" in source
    page = _Page(source)
    for tag, target in page.links:
        if tag == "a":
            assert target in page.ids
    return page


def _predict(labels):
    def predict(texts):
        scores = np.array(
            [[hash_of(t) * (i + 3) % 97 for i in range(labels)] for t in texts]
        )
        scores = np.exp(scores / 20)
        return scores / scores.sum(-1, keepdims=True)

    return predict


def hash_of(text):
    return sum(map(ord, text)) % 1009


def _case(classes, rows, texts=None):
    texts = texts or [f"text {i} of many words" for i in range(rows)]
    labels = [f"class <{i}> & $x$" for i in range(classes)]
    truth = np.arange(len(texts)) % classes
    predictions = _predict(classes)(texts)
    metrics = evaluation.prediction_metrics(truth, predictions, labels)
    return texts, truth, predictions, metrics, labels


def test_everything_at_once(tmp_path):
    texts, truth, predictions, metrics, labels = _case(
        3, 60, EVIL + [f"text number {i}, good" for i in range(60)]
    )
    half = truth[:40]
    baseline, baseline_predictions = evaluation.tfidf_baseline(
        [f"text {i}" for i in range(40)], half, texts, truth, labels
    )
    evil = {text: text for text in EVIL}
    path = tmp_path / "new" / "report.html"
    write_report(
        path,
        EVIL[0],
        texts,
        truth,
        predictions,
        metrics | {"seconds": 431.0, "train_rows": 40},
        labels,
        baseline,
        baseline_predictions,
        [
            {
                "name": text,
                "history": {"loss": [2, 1], "unfrozen_groups": [1, 2]},
                "seconds": 3,
            }
            for text in EVIL[:2]
        ],
        {
            "splits": {"train": {"rows": 4, "class_counts": {EVIL[1]: 3}}},
            "notes": [{"split": EVIL[0], "note": EVIL[1]}],
        },
        {"nested": evil, "list": EVIL},
        evaluation.explain_shown_rows(
            _predict(3), texts, truth, predictions, metrics
        ),
        notes=EVIL,
    )
    page = _read(path)
    assert page.text.count(EVIL[0]) >= 6
    for heading in (
        "Classes",
        "Confusion matrix",
        "Confidence",
        "Most confident mistakes",
        "Clear cases",
        "Training",
        "Data",
        "Settings",
        "Versions",
    ):
        assert heading in page.text
    assert "McNemar" in page.text and "TF-IDF" in page.text
    assert "mark" in page.tags and "svg" in page.tags
    assert [p.name for p in path.parent.iterdir()] == ["report.html"]


@pytest.mark.parametrize("classes", [2, 6, 50])
def test_numbers_of_classes(tmp_path, classes):
    texts, truth, predictions, metrics, labels = _case(classes, 120)
    path = tmp_path / "report.html"
    write_report(path, "T", texts, truth, predictions, metrics, labels)
    page = _read(path)
    for label in labels:
        assert label in page.text
    error = f"{100 * metrics['test_error']:.1f} %"
    assert f"{error} of 120 test rows wrong" in page.text


@pytest.mark.parametrize("named", [True, False])
def test_names_of_classes_come_from_the_metrics(tmp_path, named):
    metrics = evaluation.prediction_metrics([0, 0], np.eye(2), ["ham", "spam"])
    if not named:
        del metrics["per_class"]
    path = tmp_path / "report.html"
    write_report(path, "T", ["x", "y"], [0, 0], np.eye(2), metrics)
    truth, predicted = ("ham", "spam") if named else ("0", "1")
    text = _read(path).text
    assert f"truth: {truth}" in text and f"predicted: {predicted}" in text


def test_rows_have_the_names_that_a_reader_knows(tmp_path):
    case = _case(2, 10)
    path = tmp_path / "report.html"
    write_report(path, "T", *case)
    mistakes = evaluation.confident_mistakes(*case[:3])
    assert f"test row {mistakes[0] + 1}" in _read(path).text
    names = [f"row {row} of <a>.csv" for row in range(2, 12)]
    write_report(path, "T", *case, row_names=names)
    page = _read(path)
    assert names[mistakes[0]] in page.text and "test row 1" not in page.text
    assert "<a>" not in path.read_text("utf-8")


def test_multi_label_page(tmp_path):
    labels = ["<x>", "y"]
    texts = EVIL + ["a x", "a y", "b"]
    truth = np.array([[i % 2, 1] for i in range(len(texts))])
    predictions = np.linspace(0, 1, 2 * len(texts)).reshape(-1, 2)
    metrics = evaluation.multi_label_metrics(truth, predictions, labels)

    def predict(texts):
        return np.full((len(texts), 2), 0.3)

    words = evaluation.explain_shown_rows(
        predict, texts, truth, predictions, metrics
    )
    path = tmp_path / "report.html"
    write_report(
        path,
        "T",
        texts,
        truth,
        predictions,
        metrics,
        labels,
        metrics,
        predictions,
        word_importances=words,
    )
    page = _read(path)
    assert "all labels right" in page.text
    assert "missed: " in page.text and "not true: " in page.text
    assert "A draw" in page.text


def test_explains_the_label_that_is_most_wrong():
    truth = np.array([[1, 0]])
    predictions = np.array([[0.9, 0.8]])
    metrics = evaluation.multi_label_metrics(truth, predictions, "xy")
    words = evaluation.explain_shown_rows(
        lambda texts: np.full((len(texts), 2), 0.5),
        ["a"],
        truth,
        predictions,
        metrics,
    )
    assert words[0].target == 1


def test_regression_page(tmp_path):
    texts = EVIL + ["good good", "good"]
    truth = np.arange(len(texts), dtype=float)
    predictions = (truth + 0.5)[:, None]
    metrics = evaluation.regression_metrics(truth, predictions)
    words = evaluation.explain_shown_rows(
        lambda texts: np.array([float(len(t)) for t in texts]),
        texts,
        truth,
        predictions,
        metrics,
    )
    path = tmp_path / "report.html"
    write_report(
        path,
        "T",
        texts,
        truth,
        predictions,
        metrics,
        baseline=metrics | {"name": "other"},
        baseline_predictions=predictions[:, 0] + 1,
        word_importances=words,
    )
    page = _read(path)
    assert "Largest errors" in page.text
    assert "On the dashed line a prediction is right" in page.text
    assert "raised the predicted number" in page.text


@settings(
    max_examples=5,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    texts=st.lists(
        st.text(st.characters(codec=None), max_size=1200),
        min_size=1,
        max_size=6,
    ),
    label=st.text(st.characters(codec=None), max_size=40),
    seed=st.integers(0, 1000),
)
def test_any_texts_and_probabilities(tmp_path, texts, label, seed):
    generator = np.random.default_rng(seed)
    predictions = generator.dirichlet([0.3, 0.3, 0.3], len(texts))
    truth = generator.integers(0, 3, len(texts))
    labels = [label, label + "2", "c"]
    metrics = evaluation.prediction_metrics(truth, predictions, labels)
    path = tmp_path / "report.html"
    write_report(
        path,
        label,
        texts,
        truth,
        predictions,
        metrics,
        labels,
        settings={label: label},
        word_importances=evaluation.explain_shown_rows(
            _predict(3), texts, truth, predictions, metrics
        ),
        notes=[label],
    )
    _read(path)


def test_no_mistakes_are_said_to_be_none(tmp_path):
    metrics = evaluation.prediction_metrics([0, 1], np.eye(2), "ab")
    path = tmp_path / "report.html"
    write_report(path, "T", ["x", "y"], [0, 1], np.eye(2), metrics, "ab")
    assert "There is none: every test row is right." in _read(path).text


def test_an_old_page_is_replaced_or_left_as_it_was(tmp_path, monkeypatch):
    texts, truth, predictions, metrics, labels = _case(2, 4)
    path = tmp_path / "report.html"
    path.write_text("old")

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write_report(path, "T", texts, truth, predictions, metrics, labels)
    assert path.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1
    monkeypatch.undo()
    write_report(path, "T", texts, truth, predictions, metrics, labels)
    assert path.read_text(encoding="utf-8").startswith("<!DOCTYPE")


def test_rows_must_match(tmp_path):
    texts, truth, predictions, metrics, labels = _case(2, 4)
    with pytest.raises(ValueError, match="Received: 3, 4 and 4"):
        write_report(
            tmp_path / "x", "T", texts[:3], truth, predictions, metrics, labels
        )


def _verdict(wins, losses, rows=200, problem_type="single_label"):
    other = np.array([1] * wins + [0] * (rows - wins))
    mine = np.array([0] * wins + [1] * losses + [0] * (rows - wins - losses))
    compared = evaluation.compare_mistakes(mine, other)
    return verdict.verdict(compared, rows, problem_type)


def test_verdicts_follow_the_test():
    better, why = _verdict(30, 10)
    assert better == "ULMFiT was worth it: 67 % fewer mistakes than TF-IDF."
    assert "30 rows only ULMFiT gets right, 10 only TF-IDF" in why
    assert re.search(r"come up in 0\.2 % of all test sets", why)
    worse, why = _verdict(10, 30)
    assert worse.startswith("ULMFiT was not worth it")
    assert "between \N{MINUS SIGN}" in why
    unclear, why = _verdict(12, 10)
    assert unclear.startswith("No clear winner: ULMFiT is ahead")
    assert "More test rows would tell" in why
    assert _verdict(10, 12)[0].startswith("No clear winner: TF-IDF is ahead")
    assert _verdict(7, 7)[0].startswith("A draw")


@pytest.mark.parametrize(
    "predicted, b_precision, b_f1, c_precision",
    [(1, "75.0 %", "85.7 %", "–"), (2, "100.0 %", "100.0 %", "0.0 %")],
)
def test_the_weakest_class_comes_first_and_an_absent_one_last(
    tmp_path, predicted, b_precision, b_f1, c_precision
):
    truth = [0, 0, 0, 1, 1, 1]
    predictions = np.eye(3)[[0, 0, predicted, 1, 1, 1]]
    metrics = evaluation.prediction_metrics(truth, predictions, "ABC")
    path = tmp_path / "report.html"
    write_report(
        path, "T", list("uvwxyz"), truth, predictions, metrics, "ABC", metrics
    )
    rows = re.findall("<tr>(.*?)</tr>", path.read_text(encoding="utf-8"))
    cells = [re.findall(r"<td[^>]*>([^<]*)<", row) for row in rows[1:4]]
    assert cells == [
        ["A", "3", "100.0 %", "66.7 %", "80.0 %", "80.0 %"],
        ["B", "3", b_precision, "100.0 %", b_f1, b_f1],
        ["C", "0", c_precision, "–", "–", "–"],
    ]


def test_both_sides_tell_their_training_rows(tmp_path):
    texts, truth, predictions, metrics, labels = _case(2, 4)
    path = tmp_path / "report.html"
    write_report(
        path,
        "T",
        texts,
        truth,
        predictions,
        metrics | {"train_rows": 90, "validation_rows": 10},
        labels,
        metrics | {"train_rows": 100},
    )
    text = _read(path).text
    assert "90training rowsTF-IDF 100" in text
    assert "10validation rows" in text
