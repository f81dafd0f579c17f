"""Texts of the test set in the report, with the words that pushed."""

import re

import numpy as np

from ulmfit_keras.evaluation.markup import escape
from ulmfit_keras.evaluation.markup import number
from ulmfit_keras.evaluation.markup import percent
from ulmfit_keras.evaluation.markup import shorten
from ulmfit_keras.evaluation.markup import tag

# Characters shown of one text, and around a word that pushed.
MOST_SHOWN = 900
_AROUND = 90
_OPENING = 240
# Pushes below this share of the strongest are not marked.
_WEAKEST = 0.12
_LINE_END = re.compile(r"(?:<br ?/?>\s*)+")

# What the words towards and against do, and to what.
_PUSHED = {
    "single_label": ("pushed the model towards its answer", "held it back"),
    "multi_label": ("speak for the label that is most wrong", "against it"),
    "regression": ("raised the predicted number", "lowered it"),
}


def legend(problem_type):
    """What the colours of words mean, as HTML."""
    towards, against = _PUSHED[problem_type]
    return tag(
        "p",
        "Words marked "
        + tag("mark", "like this", style="--w:0.8")
        + f" {towards}, words marked "
        + tag("mark", "like this", class_="against", style="--w:0.8")
        + f" {against}: that is what leaving them out undoes.",
        class_="quiet",
    )


def example(text, importance, chips, row):
    """A text as a card.

    Args:
        text: str, of any content and length.
        importance: its `WordImportance`, or None.
        chips: list of (text, CSS class) above it.
        row: str, what to call the row.

    Returns:
        A str of HTML.
    """
    head = "".join(
        tag("span", escape(label), class_=f"chip {kind}".strip())
        for label, kind in chips
    )
    where = tag("span", escape(row), class_="where")
    spans = importance.spans if importance else []
    body = highlighted(text, spans) if text.strip() else "(empty text)"
    return tag(
        "article",
        tag("div", head + where, class_="chips")
        + tag("blockquote", body, dir="auto"),
        class_="example",
    )


def highlighted(text, spans):
    """The parts of a text that matter, with marked words.

    Args:
        text: str.
        spans: list of (start, end, push), rising.

    Returns:
        A str of HTML, of about `MOST_SHOWN` characters of the text at most.
    """
    density = [abs(push) / _words(text, *ends) for *ends, push in spans]
    largest = max(density, default=0)
    pieces = []
    shown_to = 0
    for start, end in excerpts(text, spans):
        if start > shown_to:
            pieces.append(_cut(start - shown_to))
        position = start
        for (first, last, push), strength in zip(spans, density, strict=True):
            first, last = max(first, start), min(last, end)
            strength = strength / largest if largest else 0
            if first >= last or strength < _WEAKEST:
                continue
            pieces.append(_shown(text[position:first]))
            pieces.append(
                tag(
                    "mark",
                    _shown(text[first:last]),
                    class_="against" if push < 0 else None,
                    style=f"--w:{strength:.2f}",
                    title=f"{push:+.2f}",
                )
            )
            position = last
        pieces.append(_shown(text[position:end]))
        shown_to = end
    if shown_to < len(text):
        pieces.append(_cut(len(text) - shown_to))
    return "".join(pieces)


def excerpts(text, spans):
    """Which parts of a text to show.

    Args:
        text: str.
        spans: list of (start, end, push).

    Returns:
        A list of (start, end), rising: all of a short text; of a long one
        its opening and what surrounds the words that pushed most.
    """
    if len(text) <= MOST_SHOWN:
        return [(0, len(text))]
    if not spans:
        return [(0, MOST_SHOWN)]
    windows = [(0, _at_space(text, _OPENING, 1))]
    budget = MOST_SHOWN - _OPENING
    for start, end, _ in sorted(
        spans, key=lambda span: -abs(span[2]) / _words(text, *span[:2])
    ):
        end = min(end, start + budget)
        window = (
            _at_space(text, start - _AROUND, -1),
            _at_space(text, end + _AROUND, 1),
        )
        if any(a <= start and end <= b for a, b in windows):
            continue
        budget -= window[1] - window[0]
        if budget < 0:
            break
        windows.append(window)
    merged = []
    for start, end in sorted(windows):
        # A gap shorter than its own mark is not worth one.
        if merged and start <= merged[-1][1] + 20:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def answer_chips(
    truth, prediction, labels, problem_type, thresholds, baseline=None
):
    """What a row's truth and prediction are, as chips for `example`.

    Args:
        truth: int class index, 0/1 [C] or float.
        prediction: float [C] or one value.
        labels: the C class names.
        problem_type: as in `prediction_metrics`.
        thresholds: float or [C], of a multi-label classifier.
        baseline: what the baseline predicts, shown where the problem is
            `"single_label"`, or None.

    Returns:
        A list of (text, CSS class).
    """
    if problem_type == "regression":
        truth, prediction = (float(np.ravel(x)[0]) for x in (truth, prediction))
        return [
            (f"truth {number(truth)}", "right"),
            (f"predicted {number(prediction)}", "wrong"),
        ]
    if problem_type == "multi_label":
        given = prediction >= thresholds
        chips = []
        for i, label in enumerate(labels):
            if given[i] or truth[i]:
                word = "right" if given[i] == truth[i] else "wrong"
                miss = "" if given[i] else "missed: "
                extra = "" if truth[i] else "not true: "
                share = confidence(prediction[i])
                name = f"{miss}{extra}{shorten(label, 40)} {share}"
                chips.append((name, word))
        return chips
    chips = [_class_chip("predicted", prediction, truth, labels)]
    if prediction.argmax() != truth:
        chips.insert(0, (f"truth: {shorten(labels[truth], 40)}", "right"))
    if baseline is not None:
        chips.append(_class_chip("TF-IDF", baseline, truth, labels))
    return chips


def confidence(probability):
    """A probability as a percentage, never 0 or 100 %."""
    if probability > 0.9995:
        return "> 99.9 %"
    if probability < 0.0005:
        return "< 0.1 %"
    return percent(float(probability), 0 if 0.01 < probability < 0.99 else 1)


def _class_chip(who, probabilities, truth, labels):
    first = int(probabilities.argmax())
    name = shorten(labels[first], 40)
    kind = "right" if first == truth else "wrong"
    return f"{who}: {name} {confidence(probabilities[first])}", kind


def _words(text, start, end):
    return max(1, len(text[start:end].split()))


def _at_space(text, position, step):
    """The next place between words, not more than a word's length away."""
    position = min(max(position, 0), len(text))
    for candidate in range(position, position + 20 * step, step):
        if not 0 < candidate < len(text):
            return min(max(candidate, 0), len(text))
        if (
            text[candidate].isspace()
            and text[candidate - 3 : candidate] != "<br"
        ):
            return candidate
    return position


def _shown(text):
    """A piece of text as the model reads it: `<br />` ends a line."""
    return escape(_LINE_END.sub("\n", text))


def _cut(characters):
    return tag("span", f" … [{characters:,} characters] … ", class_="cut")
