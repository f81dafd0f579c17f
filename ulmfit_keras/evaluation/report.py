"""One self-contained HTML page about a trained classifier."""

import dataclasses
import datetime
import importlib.metadata
import os
import pathlib
import platform
import tempfile

import numpy as np

from ulmfit_keras.evaluation import report_examples
from ulmfit_keras.evaluation import report_sections
from ulmfit_keras.evaluation.markup import escape
from ulmfit_keras.evaluation.markup import tag
from ulmfit_keras.evaluation.mistakes import clear_examples
from ulmfit_keras.evaluation.mistakes import confident_mistakes
from ulmfit_keras.evaluation.mistakes import worst_labels
from ulmfit_keras.evaluation.report_facts import facts
from ulmfit_keras.evaluation.report_style import STYLE
from ulmfit_keras.evaluation.verdict import compare
from ulmfit_keras.evaluation.word_importance import word_importance

_PACKAGES = (
    "ulmfit_keras",
    "keras",
    "keras-hub",
    "tensorflow",
    "jax",
    "torch",
    "numpy",
    "scikit-learn",
    "sentencepiece",
)
# Nothing may be loaded from anywhere, whatever a text manages to smuggle in.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def write_report(
    path,
    title,
    texts,
    truth,
    predictions,
    metrics,
    labels=None,
    baseline=None,
    baseline_predictions=None,
    histories=(),
    data_report=None,
    settings=None,
    word_importances=None,
    notes=(),
    row_names=None,
):
    """Write what a colleague wants to know about a classifier.

    The page needs no other file and no network, runs no script, follows the
    reader's light or dark mode and prints. Texts and names are escaped.

    Args:
        path: of the .html file; folders are made, an old file is replaced
            in one step.
        title: str, the page's heading.
        texts: the N test texts, list of str.
        truth: int [N] class indices, 0/1 [N, C], or float [N] or [N, 1].
        predictions: float [N, C] probabilities, or [N] or [N, 1] values.
        metrics: their `prediction_metrics`; `seconds` of training,
            `train_rows` and `validation_rows` are shown if present.
        labels: the C class names; not used by a regression. Defaults to
            None: those in `metrics`.
        baseline: metrics of `tfidf_baseline` on the same rows, or None.
        baseline_predictions: its predictions, or None. With both, the page
            opens with whether ULMFiT was worth it.
        histories: list of dicts, one for each `fit`: `name`, `history` (of
            Keras, see `plots.learning_curves`) and, if wanted, `seconds` and
            `step_learning_rates`.
        data_report: what `data.data_report` gives, or None.
        settings: nested dict of everything that can be set, or None.
        word_importances: what `explain_shown_rows` gives, or None.
        notes: list of str that a reader of the figures must know.
        row_names: list of N str, what to call the rows, such as the `rows`
            of a `data.TextTable`. Defaults to None: "test row 1" and so on.

    Raises:
        ValueError: if texts, truth and predictions differ in rows.

    Example:

    ```python
    metrics = evaluation.prediction_metrics(truth, probabilities, labels)
    words = evaluation.explain_shown_rows(
        classifier.predict, texts, truth, probabilities, metrics
    )
    evaluation.write_report(
        "report.html", "Spam", texts, truth, probabilities, metrics, labels,
        word_importances=words,
    )
    ```
    """
    texts = list(texts)
    truth, predictions = np.asarray(truth), np.asarray(predictions)
    if not len(texts) == len(truth) == len(predictions):
        raise ValueError(
            "`texts`, `truth` and `predictions` must have the same rows. "
            f"Received: {len(texts)}, {len(truth)} and {len(predictions)}"
        )
    if labels is None and metrics["problem_type"] != "regression":
        labels = _class_names(metrics, predictions)
    comparison = None
    if baseline is not None and baseline_predictions is not None:
        comparison = compare(
            truth,
            predictions,
            np.asarray(baseline_predictions),
            metrics,
            baseline,
        )
    if row_names is None:
        row_names = [f"test row {row:,}" for row in range(1, len(texts) + 1)]
    rows = _Rows(
        texts,
        row_names,
        truth,
        predictions,
        labels,
        metrics,
        baseline_predictions,
        word_importances or {},
    )
    sections = [
        (
            "result",
            "Result",
            report_sections.headline(metrics, baseline, comparison, notes),
        ),
        ("classes", "Classes", report_sections.classes(metrics, baseline)),
        (
            "values",
            "Predictions",
            report_sections.values(truth, predictions, metrics),
        ),
        (
            "confidence",
            "Confidence",
            report_sections.confidence(metrics, baseline),
        ),
        (
            "mistakes",
            "Largest errors"
            if metrics["problem_type"] == "regression"
            else "Most confident mistakes",
            _mistakes(rows),
        ),
        ("clear", "Clear cases", _clear_cases(rows)),
        ("training", "Training", report_sections.training(histories)),
        ("data", "Data", _data(data_report or {})),
        ("settings", "Settings", facts(settings) if settings else ""),
        ("versions", "Versions", facts(_versions())),
    ]
    _replace(pathlib.Path(path), _page(title, sections))


def explain_shown_rows(
    predict, texts, truth, predictions, metrics, max_predictions=64
):
    """Find the words that pushed the predictions which a report shows.

    Of a multi-label problem it is the label that is most wrong.

    Args:
        predict: function from a list of str to predictions.
        texts: as in `write_report`.
        truth: as in `write_report`.
        predictions: as in `write_report`.
        metrics: as in `write_report`.
        max_predictions: the most predictions spent on one text; some 18
            texts are shown.

    Returns:
        A dict from row indices to `WordImportance`.

    Example:

    ```python
    words = evaluation.explain_shown_rows(
        classifier.predict, texts, truth, probabilities, metrics
    )
    for row, importance in words.items():
        print(texts[row], importance.spans)
    ```
    """
    truth, predictions = np.asarray(truth), np.asarray(predictions)
    rows = [
        row
        for part in _shown(texts, truth, predictions, metrics)
        for row in part
    ]
    problem_type = metrics["problem_type"]
    targets = None
    if problem_type == "multi_label" and rows:
        targets = worst_labels(
            truth[rows], predictions[rows], metrics["thresholds"]
        )
    explained = word_importance(
        predict,
        [texts[row] for row in rows],
        targets,
        problem_type,
        max_predictions=max_predictions,
    )
    return dict(zip(rows, explained, strict=True))


def _class_names(metrics, predictions):
    """The names in the metrics, or else the numbers of the classes."""
    if "per_class" in metrics:
        return [row["label"] for row in metrics["per_class"]]
    return [str(number) for number in range(predictions.shape[1])]


def _shown(texts, truth, predictions, metrics):
    mistakes = confident_mistakes(
        texts,
        truth,
        predictions,
        metrics["problem_type"],
        thresholds=metrics.get("thresholds", 0.5),
    )
    single = metrics["problem_type"] == "single_label"
    clear = clear_examples(texts, truth, predictions) if single else []
    return mistakes, clear


@dataclasses.dataclass
class _Rows:
    texts: list
    names: list
    truth: np.ndarray
    predictions: np.ndarray
    labels: list
    metrics: dict
    baseline_predictions: np.ndarray | None
    words: dict

    def shown(self):
        return _shown(self.texts, self.truth, self.predictions, self.metrics)

    def examples(self, chosen):
        explained = any(
            row in self.words and self.words[row].spans for row in chosen
        )
        legend = report_examples.legend(self.metrics["problem_type"])
        return (legend if explained else "") + "".join(map(self._card, chosen))

    def _card(self, row):
        baseline = self.baseline_predictions
        chips = report_examples.answer_chips(
            self.truth[row],
            self.predictions[row],
            self.labels,
            self.metrics["problem_type"],
            self.metrics.get("thresholds", 0.5),
            None if baseline is None else baseline[row],
        )
        return report_examples.example(
            self.texts[row], self.words.get(row), chips, self.names[row]
        )


def _mistakes(rows):
    mistakes, _ = rows.shown()
    if not mistakes:
        return tag("p", "There is none: every test row is right.")
    lead = (
        "Where the model was surest and wrong. Wrong labels in the data "
        "gather here too, so some of these may be right after all."
    )
    if rows.metrics["problem_type"] == "regression":
        lead = "The rows that are furthest off."
    return tag("p", lead) + rows.examples(mistakes)


def _clear_cases(rows):
    _, clear = rows.shown()
    if not clear:
        return ""
    lead = "The row of each class that the model is right about and surest of."
    return tag("p", lead) + rows.examples(clear)


def _data(report):
    """The data report, what needs a decision first."""
    report = dict(report)
    notes = [
        tag("p", escape(f"{note['split']}: {note['note']}"), class_="note")
        for note in report.pop("notes", ())
    ]
    return "".join(notes) + (facts(report) if report else "")


def _versions():
    versions = {"Python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions | {"machine": platform.platform()}


def _page(title, sections):
    sections = [section for section in sections if section[2]]
    date = datetime.date.today().isoformat()
    links = [
        tag("a", heading, href=f"#{key}") for key, heading, _ in sections[1:]
    ]
    body = [
        tag("section", tag("h2", heading) * bool(number) + content, id=key)
        for number, (key, heading, content) in enumerate(sections)
    ]
    head = (
        '<meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        + tag("title", escape(title))
        + tag("style", STYLE)
    )
    main = (
        tag("h1", escape(title), dir="auto")
        + tag("nav", links)
        + "".join(body)
        + tag("footer", f"Written by ulmfit_keras on {date}.")
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head>'
        + head
        + "</head><body>"
        + tag("main", main)
        + "</body></html>\n"
    )


def _replace(path, content):
    """Write a file so that it is never seen half written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(
        "w",
        encoding="utf-8",
        newline="\n",
        dir=path.parent,
        prefix=path.name,
        suffix=".tmp",
        delete=False,
    ) as file:
        try:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            os.chmod(file.name, 0o644)
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise
