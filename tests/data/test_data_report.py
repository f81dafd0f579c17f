import json

import pytest

from ulmfit_keras.data.report import data_report
from ulmfit_keras.data.report import format_report
from ulmfit_keras.data.tables import TextTable
from ulmfit_keras.data.tables import read_table
from ulmfit_keras.text.word_splitting import SPECIAL_TOKENS
from ulmfit_keras.text.word_splitting import join_fields
from ulmfit_keras.text.word_tokenizer import WordTokenizer


@pytest.fixture
def tokenizer():
    return WordTokenizer([*SPECIAL_TOKENS, "good", "bad", "film"])


def notes_of(report, split):
    return [n["note"] for n in report["notes"] if n["split"] == split]


def test_planted_faults_are_counted():
    texts = [f"text number {n}" for n in range(95)]
    train = TextTable(
        [*texts, "", "TEXT  number 1", "text number 2", "text number 2", ""],
        ["a", "b"] * 50,
        "train.csv",
        {"missing_text": ["row 95", "row 99"], "empty_text": ["row 1"]},
    )
    test = TextTable(
        ["text number 3", "text number 3", "Text number 4", "new", ""],
        ["b", "b", "b", "c", "a"],
    )
    report = data_report({"train": train, "test": test})
    found = report["splits"]["train"]
    assert found["rows"] == 100
    assert found["empty_texts"] == 2
    assert found["duplicate_texts"] == 4  # one of them empty
    assert found["missing_text"] == 2
    # "text number 1" is "b" and "a", "text number 2" is "a", "b" and "a".
    assert found["conflicting_labels"] == 5
    assert found["class_counts"] == {"a": 50, "b": 50}
    assert found["most_words"] == 3
    assert report["overlap"] == [
        {
            "first": "train",
            "second": "test",
            "texts": 2,
            "rows": 3,
            "share": 3 / 5,
            "conflicting_labels": 1,
        }
    ]
    assert notes_of(report, "test")[-2:] == [
        "3 rows (60.0%) have a text that is in the training rows, too.",
        "These labels are not in the training rows: 'c'.",
    ]
    assert "2 texts are empty; they are kept." in notes_of(report, "train")
    assert (
        "train and test: 2 texts in both (60.0% of test), 1 with different "
        "labels" in format_report(report).split("\n")
    )


def test_lengths_cuts_and_unknown_words(tokenizer):
    table = TextTable(["good film", "bad bad odd word", "", "good"])
    report = data_report({"train": table}, tokenizer, max_tokens=3)
    found = report["splits"]["train"]
    # With xxbos: 3, 5, 1 and 2 tokens.
    assert found["mean_tokens"] == 2.8
    assert found["median_tokens"] == 2
    assert found["most_tokens"] == 5
    assert found["texts_cut"] == 1
    assert found["texts_cut_share"] == 0.25
    assert found["unknown_word_share"] == pytest.approx(2 / 7)
    notes = " ".join(notes_of(report, "train"))
    assert "1 texts are longer than 3 tokens (25.0%)" in notes
    assert "28.6% of the words are unknown" in notes
    assert "class_counts" not in found
    assert "conflicting_labels" not in found


def test_notes_on_classes():
    labels = ["Pos"] * 60 + ["pos "] * 5 + ["neg"] * 1 + ["1"] * 7 + ["1.0"] * 7
    table = TextTable([f"text {n}" for n in range(80)], labels)
    notes = notes_of(data_report({"train": table}), "train")
    assert notes == [
        "1 classes have fewer than 5 rows: 'neg'.",
        "The largest class has 60 times the rows of the smallest; class "
        "weights or oversampling may help.",
        "These labels may be the same: 'Pos', 'pos '.",
        "These labels may be the same: '1', '1.0'.",
    ]
    one = data_report({"train": TextTable(["a", "b"], ["x", "x"])})
    assert notes_of(one, "train") == ["All rows have the one label 'x'."]
    texts = [f"text {n}" for n in range(20)]
    wrong = data_report({"train": TextTable(texts, texts)})
    assert "is this the column of labels?" in notes_of(wrong, "train")[0]


def test_several_labels_and_numbers():
    table = TextTable(["a", "b", "A"], [["x", "y"], [], ["y", "x"]])
    found = data_report({"train": table})["splits"]["train"]
    assert found["class_counts"] == {"x": 2, "y": 2}
    assert found["rows_without_label"] == 1
    assert found["conflicting_labels"] == 0
    table = TextTable(["a", "b"], [1.0, 4.0])
    found = data_report({"train": table})["splits"]["train"]
    assert found["label_values"] == {"lowest": 1.0, "mean": 2.5, "highest": 4.0}


@pytest.mark.parametrize("size", [0, 1])
def test_tables_of_hardly_any_rows(tokenizer, size):
    table = TextTable(["a"] * size, ["x"] * size)
    tables = {"train": table, "test": table}
    for options in ((), (tokenizer, 5)):
        format_report(data_report(tables, *options))


def test_report_as_json_and_as_text(tokenizer):
    texts = ["", "x" * 1_000_000, '🙂, "quoted"\nnewline', "good film"]
    train = read_table((texts, ["a", "a", "b", None]), on_bad_rows="skip")
    report = data_report(
        {"train": train, "unlabeled": TextTable(["good film", ""])},
        tokenizer,
        max_tokens=4,
        changes={"clean_texts": {"html": 3}},
    )
    assert json.loads(json.dumps(report)) == report
    text = format_report(report)
    for line in (
        "train: 3 rows of the lists",
        "  skipped: 1",
        "  class counts: a 2, b 1",
        "No text is in more than one split.",
        "changed: clean texts: html 3",
        "NOTE (train): 1 rows could not be used and were skipped.",
    ):
        assert line in text.split("\n")


def test_empty_fields_are_an_empty_text():
    table = read_table(
        (["", "  ", "hi there"], ["x", "y", "x"]),
    )
    fields = TextTable(
        [join_fields([text, ""]) for text in table.texts], table.labels
    )
    found = data_report({"train": fields})["splits"]["train"]
    assert found["empty_texts"] == 2
    assert found["duplicate_texts"] == 1
    assert found["conflicting_labels"] == 0
    assert found["mean_words"] == 0.7


def test_overlap_is_noted_in_any_order():
    a, b = TextTable(["one", "two"]), TextTable(["two"])
    in_training = (
        "1 rows (100.0%) have a text that is in the training rows, too."
    )
    for tables in ({"train": a, "test": b}, {"test": b, "train": a}):
        assert notes_of(data_report(tables), "test") == [in_training]
    assert notes_of(data_report({"valid": a, "test": b}), "test") == [
        in_training.replace("training", "valid")
    ]
    assert data_report({"test": b, "unlabeled": a})["notes"] == []
