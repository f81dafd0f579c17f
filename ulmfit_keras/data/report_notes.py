"""What in a data report a reader should decide about."""

import collections

from ulmfit_keras.data.cleaning import comparable
from ulmfit_keras.data.errors import listing

_SMALL_CLASS = 5
_IMBALANCE = 10


def notes_on_split(split, found):
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
            f"{_quoted(small)}."
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
            yield f"These labels may be the same: {_quoted(names)}."


def _number_or_folded(name):
    try:
        return float(name)
    except ValueError:
        return comparable(name)


def notes_on_pairs(splits, overlap):
    notes = []
    for pair in overlap:
        first, second = pair["first"], pair["second"]
        # What is read without labels may well hold the texts of a test.
        harmless = first != "train" and "unlabeled" in (first, second)
        if pair["texts"] and not harmless:
            where = "training" if first == "train" else first
            notes.append(
                {
                    "split": second,
                    "note": f"{pair['rows']:,} rows ({pair['share']:.1%}) have "
                    f"a text that is in the {where} rows, too.",
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
                    f"{_quoted(new)}.",
                }
            )
    return notes


def _quoted(names):
    return listing(list(map(repr, names)))
