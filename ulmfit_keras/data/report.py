"""What there is to know about data before a model is trained on them."""

import collections
import itertools
import math

import numpy as np

from ulmfit_keras.data.cleaning import comparable
from ulmfit_keras.data.cleaning import without_field_marks
from ulmfit_keras.data.report_notes import notes_on_pairs
from ulmfit_keras.data.report_notes import notes_on_split
from ulmfit_keras.text.encoding import encode_texts

_NAMES_SHOWN = 10


def data_report(tables, tokenizer=None, max_tokens=None, changes=None):
    """Look at the splits of a data set, each alone and side by side.

    Two texts are the same here if they differ at most in case and white
    space.

    Args:
        tables: dict from the name of a split to its `TextTable`, such as
            `{"train": …, "valid": …, "test": …, "unlabeled": …}`.
        tokenizer: a tokenizer of `ulmfit_keras.text`, for lengths in tokens
            and the share of unknown words. Defaults to None: lengths are in
            words between white space.
        max_tokens: int, the cap on tokens (`xxbos` included) to count texts
            beyond it, or None. Needs `tokenizer`.
        changes: dict with what was done to the data before, such as the
            counts of `clean_texts` or class weights; reported as it is.

    Returns:
        A dict that JSON can hold:
        `"splits"`: for each split its source, rows, what was met on reading
        (`missing_text`, `skipped`, …), `empty_texts`, `duplicate_texts`
        (rows whose text an earlier row has), `conflicting_labels` (rows
        whose text also stands with another label), lengths, `texts_cut` and
        `unknown_word_share`, and `class_counts` or `label_values`;
        `"overlap"`: for each two splits the number of different texts in
        both, the share of the rows of the second that they are, and how
        many have different labels;
        `"changes"`, as given;
        `"notes"`: what needs a decision, each with its split.

    Example:

    >>> from ulmfit_keras.data import TextTable
    >>> report = data_report({"train": TextTable(["a", "A"], ["x", "y"])})
    >>> report["splits"]["train"]["duplicate_texts"]
    1
    """
    texts = {
        split: list(map(comparable, table.texts))
        for split, table in tables.items()
    }
    splits = {
        split: _split_report(table, texts[split], tokenizer, max_tokens)
        for split, table in tables.items()
    }
    training_first = sorted(tables, key=lambda split: split != "train")
    overlap = [
        _overlap(first, second, tables, texts)
        for first, second in itertools.combinations(training_first, 2)
    ]
    notes = [
        {"split": split, "note": note}
        for split, found in splits.items()
        for note in notes_on_split(split, found)
    ]
    notes += notes_on_pairs(splits, overlap)
    return {
        "splits": splits,
        "overlap": overlap,
        "changes": changes or {},
        "notes": notes,
    }


def format_report(report):
    """A data report as lines of text for a terminal.

    Args:
        report: the dict that `data_report` returned.

    Returns:
        str of several lines.

    Example:

    >>> from ulmfit_keras.data import TextTable
    >>> print(format_report(data_report({"train": TextTable(["a", "A"])})))
    train: 2 rows of the table
    ...
    NOTE (train): 1 rows repeat the text of another (50.0%).
    """
    lines = []
    for split, found in report["splits"].items():
        lines.append(f"{split}: {found['rows']:,} rows of {found['source']}")
        for name, value in found.items():
            if name not in ("rows", "source"):
                lines.append(f"  {name.replace('_', ' ')}: {_shown(value)}")
    common = [pair for pair in report["overlap"] if pair["texts"]]
    if report["overlap"] and not common:
        lines.append("No text is in more than one split.")
    for pair in common:
        lines.append(
            f"{pair['first']} and {pair['second']}: {pair['texts']:,} texts "
            f"in both ({pair['share']:.1%} of {pair['second']}), "
            f"{pair['conflicting_labels']:,} with different labels"
        )
    for name, value in report["changes"].items():
        lines.append(f"changed: {name.replace('_', ' ')}: {_shown(value)}")
    for note in report["notes"]:
        lines.append(f"NOTE ({note['split']}): {note['note']}")
    return "\n".join(lines)


def _shown(value):
    if isinstance(value, dict):
        items = list(value.items())
        shown = ", ".join(f"{k} {_shown(v)}" for k, v in items[:_NAMES_SHOWN])
        more = len(items) - _NAMES_SHOWN
        return f"{shown} and {more} more" if more > 0 else shown or "none"
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _split_report(table, texts, tokenizer, max_tokens):
    counts = collections.Counter(texts)
    found = {
        "source": table.source,
        "rows": len(table),
        "empty_texts": counts[""],
        "duplicate_texts": len(texts) - len(counts),
        "conflicting_labels": _conflicts(table, texts),
    }
    if table.labels is None:
        del found["conflicting_labels"]
    problems = dict(table.problems)
    problems.pop("empty_text", None)  # counted above
    found |= {name: len(rows) for name, rows in problems.items()}
    if tokenizer is None:
        words = [len(without_field_marks(t).split()) for t in table.texts]
        found |= _lengths("words", words)
    else:
        found |= _tokens(table.texts, tokenizer, max_tokens)
    return found | _labels(table.labels)


def _conflicts(table, texts):
    """The number of rows whose text stands with another label, too."""
    labels = _labels_of_texts(table, texts)
    return sum(len(labels.get(text, ())) > 1 for text in texts)


def _labels_of_texts(table, texts):
    """For each text that is not empty, its different labels."""
    found = collections.defaultdict(set)
    for text, label in zip(texts, table.labels or (), strict=False):
        if text:
            found[text].add(
                tuple(sorted(label)) if isinstance(label, list) else label
            )
    return found


def _lengths(unit, lengths):
    lengths = np.array(lengths or [0])
    return {
        f"mean_{unit}": round(float(lengths.mean()), 1),
        f"median_{unit}": int(np.median(lengths)),
        f"{unit}_of_95_percent_at_most": int(
            np.quantile(lengths, 0.95, method="higher")
        ),
        f"most_{unit}": int(lengths.max()),
    }


def _tokens(texts, tokenizer, max_tokens):
    ids = encode_texts(tokenizer, texts)
    found = _lengths("tokens", [len(document) for document in ids])
    if max_tokens is not None:
        cut = sum(len(document) > max_tokens for document in ids)
        found["max_tokens"] = max_tokens
        found["texts_cut"] = cut
        found["texts_cut_share"] = cut / max(1, len(texts))
    unknown = sum(
        int((document == tokenizer.unk_token_id).sum()) for document in ids
    )
    # Each text opens with one token that is no word of it.
    words = sum(len(document) - 1 for document in ids)
    found["unknown_word_share"] = unknown / max(1, words)
    return found


def _labels(labels):
    if labels is None:
        return {}
    if labels and isinstance(labels[0], float):
        return {
            "label_values": {
                "lowest": min(labels),
                "mean": math.fsum(labels) / len(labels),
                "highest": max(labels),
            }
        }
    if labels and isinstance(labels[0], list):
        names = [name for row in labels for name in row]
        found = {"rows_without_label": sum(not row for row in labels)}
    else:
        names, found = labels, {}
    counts = collections.Counter(map(str, names)).most_common()
    ordered = sorted(counts, key=lambda item: (-item[1], item[0]))
    return found | {"classes": len(ordered), "class_counts": dict(ordered)}


def _overlap(first, second, tables, texts):
    common = set(texts[first]) & set(texts[second]) - {""}
    rows = sum(text in common for text in texts[second])
    labels = [
        _labels_of_texts(tables[split], texts[split])
        for split in (first, second)
    ]
    conflicts = [
        text
        for text in common
        if text in labels[0]
        and text in labels[1]
        and labels[0][text] != labels[1][text]
    ]
    return {
        "first": first,
        "second": second,
        "texts": len(common),
        "rows": rows,
        "share": rows / max(1, len(texts[second])),
        "conflicting_labels": len(conflicts),
    }
