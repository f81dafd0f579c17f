"""Which words pushed a prediction, by leaving them out one after the other.

Needs nothing but a function from texts to predictions, so it explains any
model, and its cost is known before: a number of predictions for each text.
"""

import dataclasses
import functools
import re

import numpy as np

from ulmfit_keras.evaluation.word_patterns import word_patterns

# Confidence is worth telling apart up to here; float32 ends soon after.
_NEAREST_TO_ONE = 1e-6


@dataclasses.dataclass(frozen=True)
class WordImportance:
    """How much the parts of one text pushed its prediction.

    Attributes:
        target: index of the output that is explained.
        spans: list of (start, end, push): the characters from `start` to
            before `end` raised the output by `push` (negative: lowered it).
            In log-odds for probabilities, in its own unit for a regression.
            Empty if the text has no words or is too long to explain.

    Example:

    >>> explained = WordImportance(target=1, spans=[(2, 6, 2.2)])
    >>> [("a good one"[i:j], push) for i, j, push in explained.spans]
    [('good', 2.2)]
    """

    target: int
    spans: list[tuple[int, int, float]]


def word_spans(text):
    """Where the words and symbols of a text are, `<br />` left out.

    Args:
        text: str.

    Returns:
        A list of (start, end), rising, without overlap.

    Example:

    >>> word_spans("Don't, OK")
    [(0, 5), (5, 6), (7, 9)]
    """
    return [
        match.span()
        for match in _words().finditer(text)
        if match.lastgroup != "line_end"
    ]


@functools.cache
def _words():
    word, alone, symbol = word_patterns()
    return re.compile(
        r"(?P<line_end><br ?/?>)"
        rf"|(?:{word}['\u2019]?)+|{alone}|(?:(?!<){symbol})+|<"
    )


def word_importance(
    predict,
    texts,
    targets=None,
    problem_type="single_label",
    split=word_spans,
    max_predictions=64,
    max_characters=200_000,
):
    """Find the words that pushed predictions, by occlusion.

    A text with many words is first cut into passages; the passages that push
    most are then opened up to their words, as far as the budget reaches. All
    texts are served by three calls of `predict` in all.

    Args:
        predict: function from a list of str to float [N, C] probabilities,
            or [N] or [N, 1] values.
        texts: list of str.
        targets: for each text the index of the output to explain. Defaults
            to the one that is predicted.
        problem_type: `"regression"` reads outputs as they are; the others
            read them as probabilities. Defaults to `"single_label"`.
        split: function from a text to (start, end) pairs. Defaults to
            `word_spans`.
        max_predictions: the most predictions spent on one text.
        max_characters: the most characters read for one text; a long text
            gets fewer predictions, and none if that leaves less than two.

    Returns:
        A list with one `WordImportance` for each text.

    Raises:
        ValueError: if `targets` does not have one value for each text.

    Example:

    >>> def predict(texts):
    ...     good = [[0.9 if "good" in text else 0.4] for text in texts]
    ...     return np.concatenate([1 - np.array(good), good], axis=-1)
    >>> [explained] = word_importance(predict, ["a good one"])
    >>> explained.spans[1][:2]
    (2, 6)
    """
    texts = list(texts)
    if targets is not None and len(targets) != len(texts):
        raise ValueError(
            "`targets` must have one value for each text. Received: "
            f"{len(targets)} targets, {len(texts)} texts"
        )
    if not texts:
        return []
    outputs = _outputs(predict, texts)
    if targets is None:
        targets = outputs.argmax(-1)
    level = _identity if problem_type == "regression" else _log_odds
    before = [level(o[t]) for o, t in zip(outputs, targets, strict=True)]

    def pushes(jobs):
        """The push of each (text number, spans to leave out together)."""
        if not jobs:
            return []
        after = _outputs(
            predict, [_without(texts[i], spans) for i, spans in jobs]
        )
        return [
            before[i] - level(row[targets[i]])
            for (i, _), row in zip(jobs, after, strict=True)
        ]

    passages = []
    budgets = []
    for text in texts:
        spans = split(text)
        budget = min(max_predictions, max_characters // max(len(text), 1))
        if budget < 2:
            spans = []
        # Half for the first look, half for opening what it finds.
        size = budget if len(spans) <= budget else budget // 2
        passages.append(_passages(spans, size))
        budgets.append(budget - size)
    first = [(i, part) for i, parts in enumerate(passages) for part in parts]
    found = [[] for _ in texts]
    for (i, part), push in zip(first, pushes(first), strict=True):
        found[i].append((part, push))
    second = []
    for i, parts in enumerate(found):
        parts.sort(key=lambda item: -abs(item[1]))
        closed = []
        for part, push in parts:
            if len(part) > 1 and budgets[i] > 1 and push:
                opened = _passages(part, budgets[i])
                budgets[i] -= len(opened)
                second += [(i, smaller) for smaller in opened]
            else:
                closed.append((part, push))
        found[i] = closed
    for (i, part), push in zip(second, pushes(second), strict=True):
        found[i].append((part, push))
    return [
        WordImportance(
            int(target),
            sorted(
                (part[0][0], part[-1][1], float(push)) for part, push in parts
            ),
        )
        for target, parts in zip(targets, found, strict=True)
    ]


def _outputs(predict, texts):
    outputs = np.asarray(predict(texts), "float64")
    return outputs.reshape(len(texts), -1)


def _identity(value):
    return float(value)


def _log_odds(value):
    value = np.clip(value, _NEAREST_TO_ONE, 1 - _NEAREST_TO_ONE)
    return float(np.log(value) - np.log1p(-value))


def _passages(spans, count):
    """Cut a list of spans into `count` or fewer runs of like length."""
    if not spans:
        return []
    ends = np.linspace(0, len(spans), min(count, len(spans)) + 1).astype(int)
    return [
        spans[start:end] for start, end in zip(ends, ends[1:], strict=False)
    ]


def _without(text, spans):
    """A text less everything from the first to the last span."""
    return text[: spans[0][0]] + text[spans[-1][1] :]
