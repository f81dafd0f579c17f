"""The sections of the report, each a function to a str of HTML."""

import numpy as np

from ulmfit_keras.evaluation import plots
from ulmfit_keras.evaluation.checks import column
from ulmfit_keras.evaluation.markup import duration
from ulmfit_keras.evaluation.markup import escape
from ulmfit_keras.evaluation.markup import number
from ulmfit_keras.evaluation.markup import percent
from ulmfit_keras.evaluation.markup import shorten
from ulmfit_keras.evaluation.markup import table
from ulmfit_keras.evaluation.markup import tag
from ulmfit_keras.evaluation.report_facts import meter
from ulmfit_keras.evaluation.verdict import verdict

_MOST_CONFUSIONS = 10


def headline(metrics, baseline, comparison, notes):
    """The verdict, both errors with their uncertainty, and key figures."""
    problem_type, rows = metrics["problem_type"], metrics["rows"]
    regression = problem_type == "regression"
    explanation = "TF-IDF was not run beside it."
    if comparison:
        sentence, explanation = verdict(comparison, rows, problem_type)
    elif regression:
        sentence = (
            f"{number(metrics['mean_absolute_error'])} off on average, on "
            f"{rows:,} test rows."
        )
    else:
        sentence = (
            f"{percent(metrics['test_error'])} of {rows:,} test rows wrong."
        )
    parts = [tag("p", escape(sentence), class_="verdict")]
    parts.append(_bars(metrics, baseline))
    parts.append(tag("p", escape(explanation)))
    parts.append(_tiles(metrics, baseline))
    parts += [tag("p", escape(note), class_="note") for note in notes]
    return "".join(parts)


def classes(metrics, baseline):
    """Precision, recall and F1 per class, and what is taken for what."""
    if "per_class" not in metrics:  # a regression, or figures of one's own
        return ""
    other = {row["label"]: row for row in (baseline or {}).get("per_class", [])}
    ranked = "average_precision" in metrics["per_class"][0]
    header = ["class", "test rows", "precision", "recall"]
    header += ["average precision"] * ranked
    header += ["TF-IDF F1"] * bool(other) + ["F1"]
    rows = []
    for row in sorted(metrics["per_class"], key=_weakness):
        if not row["support"]:
            # Undefined rather than 0: no row could be found or missed.
            undefined = ["recall", "f1"] + ["precision"] * (
                not row["predicted"]
            )
            row = row | dict.fromkeys(undefined)
        cells = [
            escape(shorten(row["label"], 60)),
            number(row["support"]),
            percent(row["precision"]),
            percent(row["recall"]),
        ]
        if ranked:
            cells.append(percent(row["average_precision"]))
        if other:
            f1 = other.get(row["label"], {}).get("f1")
            cells.append(percent(f1 if row["support"] else None))
        cells.append(percent(row["f1"]) + meter(row["f1"] or 0))
        rows.append(cells)
    lead = tag("p", "The weakest class comes first.", class_="quiet")
    parts = [lead, table(header, rows)]
    if "confusion_matrix" in metrics:
        labels = [row["label"] for row in metrics["per_class"]]
        matrix = np.asarray(metrics["confusion_matrix"])
        picture = plots.confusion_matrix(matrix, labels)
        pairs = _confusions(matrix, labels)
        parts.append(
            tag("h3", "Confusion matrix")
            + tag(
                "p",
                "Each row is a true class. Blue is right, orange is wrong; "
                "the stronger, the larger the share of the row.",
                class_="quiet",
            )
            + tag(
                "div",
                tag("div", picture) + tag("div", pairs),
                class_="columns" if len(labels) <= 12 else None,
            )
        )
    return "".join(parts)


def values(truth, predictions, metrics):
    """Each prediction of a regression against its truth."""
    if metrics["problem_type"] != "regression":
        return ""
    lead = tag("p", "On the dashed line a prediction is right.")
    return lead + plots.scatter(column(truth), column(predictions))


def confidence(metrics, baseline):
    """Calibration, and what is gained by leaving out unsure predictions."""
    if "calibration" not in metrics:
        return ""
    error = metrics["calibration"]["ece"]
    lead = (
        "When the model states a probability, how often is it right? Points "
        "below the dashed line are claims that promise too much. The mean "
        f"distance from the line (expected calibration error) is "
        f"{percent(error)}."
    )
    picture = plots.reliability(
        metrics["calibration"], (baseline or {}).get("calibration")
    )
    kept = ""
    if "coverage" in metrics:
        rows = [
            [
                f"at least {percent(row['threshold'], 0)}",
                percent(row["kept"]) + meter(row["kept"]),
                percent(row["error"]),
            ]
            for row in metrics["coverage"]
        ]
        kept = (
            tag("h3", "If only sure predictions are used")
            + table(["confidence", "rows answered", "wrong among them"], rows)
            + tag(
                "p",
                "The rest would go to a person, or to another model.",
                class_="quiet",
            )
        )
    return tag("p", lead) + tag(
        "div", tag("div", picture) + tag("div", kept), class_="columns"
    )


def training(histories):
    """The learning curves of each stage."""
    parts = []
    for stage in histories:
        picture = plots.learning_curves(
            stage["name"],
            stage["history"],
            stage.get("step_learning_rates"),
        )
        seconds = stage.get("seconds")
        took = f" · {duration(seconds)}" if seconds is not None else ""
        parts.append(
            tag("h3", escape(stage["name"]) + took)
            + tag("p", _last_epoch(stage["history"]), class_="quiet")
            + picture
        )
    if any("unfrozen_groups" in stage["history"] for stage in histories):
        lead = (
            "Bands mark the stages of gradual unfreezing; the figures above "
            "them say how many layer groups, counted from the output, are "
            "being trained."
        )
        parts.insert(0, tag("p", lead, class_="quiet"))
    return "".join(parts)


def _weakness(row):
    return (row["support"] == 0, row["f1"])


def _last_epoch(history):
    """What the last epoch measured, in words."""
    epochs = max(map(len, history.values()), default=0)
    if not epochs:
        return "No epoch was finished."
    values = [
        f"{escape(key.replace('_', ' '))} {number(float(values[-1]))}"
        for key, values in history.items()
        if len(values) and key not in ("learning_rate", "unfrozen_groups")
    ]
    word = "one epoch" if epochs == 1 else f"{epochs} epochs"
    return f"After {word}: {', '.join(values)}."


def _bars(metrics, baseline):
    if metrics["problem_type"] == "regression":
        key, show = "mean_absolute_error", number
    else:
        key, show = "test_error", percent
    models = [("ULMFiT", metrics, "mine")]
    if baseline:
        models.append((baseline.get("name", "TF-IDF"), baseline, "other"))
    spans = [
        m.get("test_error_interval") or [m[key], m[key]] for _, m, _ in models
    ]
    largest = 1.08 * max(high for _, high in spans) or 1
    cells = []
    for (name, model, kind), (low, high) in zip(models, spans, strict=True):
        width, left = model[key] / largest, low / largest
        fill = tag("div", class_="fill", style=f"width:{100 * width:.2f}%")
        if high > low:
            fill += tag(
                "div",
                class_="whisker",
                style=f"left:{100 * left:.2f}%;"
                f"width:{100 * (high - low) / largest:.2f}%",
            )
        cells.append(
            tag("div", escape(name))
            + tag("div", show(model[key]), class_="value")
            + tag("div", fill, class_=f"track {kind}")
        )
    what = "mean absolute error" if show is number else "test error"
    whisker = ", with 95 % intervals" if show is percent else ""
    return tag("div", cells, class_="bars") + tag(
        "p", f"{what}{whisker}: shorter is better".capitalize(), class_="quiet"
    )


def _tiles(metrics, baseline):
    shown = [
        ("accuracy", "accuracy", percent),
        ("forward_test_error", "wrong reading forwards only", percent),
        ("backward_test_error", "wrong reading backwards only", percent),
        ("exact_match", "all labels right", percent),
        ("macro_f1", "macro F1", percent),
        ("micro_f1", "micro F1", percent),
        ("mean_average_precision", "mean average precision", percent),
        ("mean_absolute_error", "mean absolute error", number),
        ("root_mean_squared_error", "root mean squared error", number),
        ("r2", "R²", number),
        ("spearman", "rank correlation", number),
        ("rows", "test rows", number),
        ("train_rows", "training rows", number),
        ("validation_rows", "validation rows", number),
        ("seconds", "training time", duration),
    ]
    baseline = baseline or {}
    tiles = []
    for key, name, show in shown:
        if metrics.get(key) is None:
            continue
        value = baseline.get(key)
        beside = key != "rows" and value is not None
        tiles.append(
            tag(
                "div",
                tag("b", show(metrics[key]))
                + tag("span", name)
                + tag("span", f"TF-IDF {show(value)}") * beside,
                class_="tile",
            )
        )
    return tag("div", tiles, class_="tiles")


def _confusions(matrix, labels):
    """The most common mistakes as a table, empty if there is none."""
    wrong = matrix - np.diag(np.diag(matrix))
    order = np.argsort(-wrong, axis=None, kind="stable")[:_MOST_CONFUSIONS]
    rows = []
    for truth, predicted in zip(
        *np.unravel_index(order, matrix.shape), strict=True
    ):
        count = int(wrong[truth, predicted])
        if count:
            share = percent(count / matrix[truth].sum())
            rows.append(
                [
                    escape(shorten(labels[truth], 30)),
                    escape(shorten(labels[predicted], 30)),
                    number(count),
                    share,
                ]
            )
    if not rows:
        return ""
    header = ["truth", "taken for", "rows", "of the class"]
    return tag("h3", "Most common mistakes") + table(
        header, rows, numeric_from=2
    )
