"""What there is to know about data before a model is trained on them."""

import collections
import itertools
import math

import numpy as np

from ulmfit_keras.data.cleaning import comparable
from ulmfit_keras.text.encoding import encode_texts

_NAMES_SHOWN = 10
_SMALL_CLASS = 5
_IMBALANCE = 10


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
    overlap = [
        _overlap(first, second, tables, texts)
        for first, second in itertools.combinations(tables, 2)
    ]
    notes = [
        {"split": split, "note": note}
        for split, found in splits.items()
        for note in _notes(split, found)
    ]
    notes += _notes_on_pairs(splits, overlap)
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
        found |= _lengths("words", [text.count(" ") + 1 for text in texts])
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
        "share": rows / max(1, len(texts[second])),
        "conflicting_labels": len(conflicts),
    }


def _notes(split, found):
    """What a reader should decide about a single split."""
    rows, counts = found["rows"], found.get("class_counts")
    if found["empty_texts"]:
        yield f"{found['empty_texts']:,} texts are empty; they are kept."
    if found["duplicate_texts"]:
        yield (
            f"{found['duplicate_texts']:,} rows repeat the text of another "
            f"({found['duplicate_texts'] / rows:.1%})."
        )
    if found.get("conflicting_labels"):
        yield (
            f"{found['conflicting_labels']:,} rows have a text that also "
            "stands with another label."
        )
    if found.get("skipped"):
        yield f"{found['skipped']:,} rows could not be used and were skipped."
    if found.get("texts_cut"):
        yield (
            f"{found['texts_cut']:,} texts are longer than "
            f"{found['max_tokens']:,} tokens ({found['texts_cut_share']:.1%})."
        )
    if found.get("unknown_word_share", 0) > 0.1:
        yield (
            f"{found['unknown_word_share']:.1%} of the words are unknown to "
            "the vocabulary; fine-tune the language model on such text."
        )
    if counts:
        yield from _notes_on_classes(split, rows, counts)


def _notes_on_classes(split, rows, counts):
    small = [name for name, n in counts.items() if n < _SMALL_CLASS]
    if len(counts) == 1:
        yield f"All rows have the one label {next(iter(counts))!r}."
    elif len(counts) > 0.5 * rows and rows > 2 * _SMALL_CLASS:
        yield "Most labels occur once: is this the column of labels?"
    elif small:
        yield (
            f"{len(small):,} classes have fewer than {_SMALL_CLASS} rows: "
            f"{_name_list(small)}."
        )
    ratio = max(counts.values()) / min(counts.values())
    if split == "train" and ratio > _IMBALANCE:
        yield (
            f"The largest class has {ratio:.0f} times the rows of the "
            "smallest; class weights or oversampling may help."
        )
    alike = collections.defaultdict(list)
    for name in counts:
        alike[_number_or_folded(name)].append(name)
    for names in alike.values():
        if len(names) > 1:
            yield f"These labels may be the same: {_name_list(names)}."


def _number_or_folded(name):
    try:
        return float(name)
    except ValueError:
        return comparable(name)


def _notes_on_pairs(splits, overlap):
    notes = []
    for pair in overlap:
        if pair["texts"] and pair["first"] == "train":
            notes.append(
                {
                    "split": pair["second"],
                    "note": f"{pair['share']:.1%} of the rows have a text "
                    "that is in the training rows, too.",
                }
            )
    known = splits.get("train", {}).get("class_counts", {})
    for split, found in splits.items():
        new = [c for c in found.get("class_counts", ()) if c not in known]
        if known and new:
            notes.append(
                {
                    "split": split,
                    "note": "These labels are not in the training rows: "
                    f"{_name_list(new)}.",
                }
            )
    return notes


def _name_list(names):
    shown = ", ".join(map(repr, names[:_NAMES_SHOWN]))
    more = len(names) - _NAMES_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown
