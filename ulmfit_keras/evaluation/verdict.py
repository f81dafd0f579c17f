"""Was ULMFiT worth it? The answer in words, from the same test rows."""

import math

import numpy as np

from ulmfit_keras.evaluation.checks import column
from ulmfit_keras.evaluation.comparison import compare_distances
from ulmfit_keras.evaluation.comparison import compare_mistakes
from ulmfit_keras.evaluation.markup import number
from ulmfit_keras.evaluation.markup import percent
from ulmfit_keras.evaluation.metrics import wrong_rows

# Less likely than this by chance alone, a difference counts as one.
SIGNIFICANT = 0.05


def compare(truth, predictions, baseline_predictions, metrics, baseline):
    """Compare a model and a baseline row by row.

    Args:
        truth: int [N] class indices, 0/1 [N, C], or float [N] or [N, 1].
        predictions: the model's, as `prediction_metrics` takes them.
        baseline_predictions: the baseline's.
        metrics: the model's `prediction_metrics`.
        baseline: the baseline's.

    Returns:
        The dict of `compare_mistakes`, or of `compare_distances` for a
        regression.
    """
    if metrics["problem_type"] == "regression":
        return compare_distances(
            *(
                np.abs(column(p) - column(truth))
                for p in (predictions, baseline_predictions)
            )
        )
    return compare_mistakes(
        *(
            wrong_rows(truth, p, m["problem_type"], m.get("thresholds", 0.5))
            for p, m in (
                (predictions, metrics),
                (baseline_predictions, baseline),
            )
        )
    )


def verdict(comparison, rows, problem_type, model="ULMFiT"):
    """A comparison in plain words.

    Args:
        comparison: the dict of `compare`.
        rows: number of test rows.
        problem_type: `"single_label"`, `"multi_label"` or `"regression"`.
        model: name of the model.

    Returns:
        (sentence, explanation), two str.
    """
    chance = comparison["p_value"]
    gain = comparison["difference"]
    regression = problem_type == "regression"
    if chance < SIGNIFICANT and gain > 0:
        less = percent(gain / comparison["baseline_error"], 0)
        kind = "smaller errors" if regression else "fewer mistakes"
        sentence = f"{model} was worth it: {less} {kind} than TF-IDF."
    elif chance < SIGNIFICANT and gain < 0:
        sentence = (
            f"{model} was not worth it here: plain TF-IDF is better on these "
            "test rows."
        )
    elif gain == 0:
        sentence = f"A draw: {model} and TF-IDF do equally well."
    else:
        ahead = model if gain > 0 else "TF-IDF"
        sentence = (
            f"No clear winner: {ahead} is ahead, but the difference may be "
            "chance."
        )
    explanation = _explain(comparison, rows, problem_type, model)
    return sentence, f"{explanation} {_advice(chance, gain)}"


def _explain(comparison, rows, problem_type, model):
    error, other = comparison["error"], comparison["baseline_error"]
    chance = comparison["p_value"]
    low, high = comparison["interval"]
    if problem_type == "regression":
        first = (
            f"On {rows:,} test rows {model} is {number(error)} off on "
            f"average, TF-IDF {number(other)}. {model} is closer on "
            f"{comparison['wins']:,} rows, TF-IDF on "
            f"{comparison['losses']:,}."
        )
        span = f"{low:+.3g} and {high:+.3g}"
        test = "paired t-test"
    else:
        labels = problem_type == "multi_label"
        first = (
            f"Of {rows:,} test rows {model} gets {percent(error)} wrong, "
            f"TF-IDF {percent(other)}{', in one label or more' * labels}. "
            f"{comparison['wins']:,} rows only {model} gets right, "
            f"{comparison['losses']:,} only TF-IDF."
        )
        span = f"{100 * low:+.1f} and {100 * high:+.1f} percentage points"
        test = "exact McNemar test"
    if not math.isfinite(low):
        return f"{first} One row says nothing of others."
    span = span.replace("-", "\N{MINUS SIGN}")
    often = "in less than 0.1 %" if chance < 1e-3 else f"in {percent(chance)}"
    return (
        f"{first} The advantage of {model} lies between {span} (95 % "
        "interval); were both equally good, so large a difference would come "
        f"up {often} of all test sets ({test})."
    )


def _advice(chance, gain):
    if chance < SIGNIFICANT and gain < 0:
        return (
            "More unlabelled text for the language model, more epochs or a "
            "longer maximum length are what usually helps; if not, TF-IDF is "
            "the better choice."
        )
    if chance >= SIGNIFICANT:
        return (
            "More test rows would tell; until then the simpler model is a "
            "fair choice."
        )
    return ""
