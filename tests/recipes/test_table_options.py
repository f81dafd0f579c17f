"""What the options of tables do to the rows, and that it is told."""

import importlib.util
from unittest import mock

import pytest

import ulmfit_keras
from recipes import preparation
from recipes import training
from ulmfit_keras import data
from ulmfit_keras import models
from ulmfit_keras import text

needs_tensorflow = pytest.mark.skipif(
    importlib.util.find_spec("tensorflow") is None,
    reason="the recipe ends with a SavedModel",
)


@pytest.fixture
def finetune(run_recipe, options, tmp_path):
    """finetune(texts, **more): (stdout, the words of the model)."""

    def finetune(texts, **more):
        path = tmp_path / "train.csv"
        path.write_text("review,stars\n" + "".join(texts))
        run = run_recipe(
            "finetune_language_model",
            **{**options, "train": path},
            **more,
            lm_epochs=1,
            num_sampled=0,
            output_dir=tmp_path,
        )
        assert run.code == 0, run.stderr
        language_model = models.AWDLSTMCausalLM.from_preset(tmp_path / "preset")
        words = language_model.preprocessor.tokenizer.get_vocabulary()
        return run.stdout, set(words)

    return finetune


ALL_WORDS = {f"in_{letter}" for letter in "abcdefghij"}
LINES = [f"{w} film {w} {w},{n % 2}\n" for n, w in enumerate(sorted(ALL_WORDS))]


def test_stage_two_learns_from_all_rows(finetune):
    stdout, words = finetune(LINES, validation_fraction=0)
    assert "\ntrain: 10 rows" in stdout and "\ntest:" not in stdout
    assert ALL_WORDS <= words


def test_stage_two_leaves_out_what_is_asked_for(finetune):
    stdout, words = finetune(LINES, validation_fraction=0, test_fraction=0.2)
    assert "changed: no test table: 2 rows" in stdout
    assert len(ALL_WORDS & words) == 8


def test_so_many_rows_of_numbers_as_asked_for(finetune):
    stdout, words = finetune(LINES, problem_type="regression", train_rows=3)
    assert "\ntrain: 3 rows" in stdout and "\nunlabeled: 7 rows" in stdout
    assert ALL_WORDS & words


def test_what_was_left_out_or_lost_its_label_is_counted(finetune, tmp_path):
    more = tmp_path / "more.csv"
    more.write_text('review\n\n a fine film \nthree,fields,here\n""\n')
    stdout, _ = finetune(
        [*LINES, *LINES[:3], '" ",1\n', "1\0,1\n", "no label,\n"],
        unlabeled=more,
        on_bad_rows="skip",
        drop_empty=True,
        drop_duplicates=True,
        clean=True,
        train_rows=4,
    )
    train, unlabeled = stdout.split("unlabeled: ", 1)
    for line in (
        "train: 4 rows",
        "skipped: 1",
        "left out empty: 1",
        "left out duplicates: 3",
        "changed: empty rows left out: 1",
        "changed: duplicate rows left out: 3",
        "changed: labelled rows used: 4",
    ):
        assert line in (unlabeled if "changed" in line else train)
    assert f"9 rows of {tmp_path / 'train.csv'} and {more}" in unlabeled
    for line in ("skipped: 1", "blank lines: 1", "empty texts: 1"):
        assert line in unlabeled


def test_rows_left_out_are_counted_once(finetune):
    stdout, _ = finetune(
        [*LINES, '" ",1\n', "1,2,3\n"],
        on_bad_rows="skip",
        drop_empty=True,
        test_fraction=0.3,
    )
    assert "test: " in stdout
    for line in ("skipped: 1", "left out empty: 1"):
        assert stdout.count(line) == 1


def test_no_row_is_left(run_recipe, tmp_path):
    path = tmp_path / "empty.csv"
    path.write_text('text,label\n" ",a\n" ",b\n')
    run = run_recipe(
        "train_classifier", train=path, drop_empty=True, output_dir=tmp_path
    )
    assert run.code == 1 and "Traceback" not in run.stderr
    assert "must be left" in run.stderr and "2 and 0 left out" in run.stderr


def test_a_set_of_ones_own_in_data_dir(run_recipe, folder, tmp_path):
    tables = data.load_public("own", _own_set(tmp_path))
    assert set(tables) == {"train", "valid", "test"}
    run = run_recipe(
        "train_classifier",
        train="own",
        data_dir=tmp_path,
        preset=folder / "missing",
        output_dir=tmp_path,
    )
    assert "--preset must be" in run.stderr
    run = run_recipe(
        "train_classifier", train="on", data_dir=tmp_path, output_dir=tmp_path
    )
    assert "has the folders ['own']" in run.stderr


def test_tables_of_a_set_that_are_not_read_are_named(
    run_recipe, presets, tmp_path
):
    own = _own_set(tmp_path) / "own"
    for name in ("extra", "given"):
        (own / f"{name}.csv").write_text("text,label\na film,0\n")
    run = run_recipe(
        "finetune_language_model",
        train="own",
        data_dir=tmp_path,
        unlabeled=own / "given.csv",
        preset=presets / "forward",
        lm_epochs=1,
        num_sampled=0,
        output_dir=tmp_path,
    )
    assert run.code == 0, run.stderr
    assert "tables not read: extra (--unlabeled takes one" in run.stdout


def _own_set(folder):
    (folder / "own").mkdir()
    for name in ("train", "valid", "test"):
        rows = "".join(f"{name} {n},{n % 2}\n" for n in range(4))
        (folder / "own" / f"{name}.csv").write_text("text,label\n" + rows)
    return folder


class Options:
    """The options of stage 3; those that are not set are None."""

    problem_type, validation_fraction, seed = "single_label", 0.25, 1

    def __getattr__(self, name):
        return None


@pytest.fixture
def train(monkeypatch):
    """train(tables, balance): what `ulmfit_keras.train_classifier` is given."""
    monkeypatch.setattr(training, "FLAGS", Options())
    monkeypatch.setattr(training, "logs", lambda *_: [])
    monkeypatch.setattr(training, "stage_name", lambda *_: "")
    given = {}

    def replacement(language_model, texts, labels, **options):
        given.update(options, texts=texts, labels=labels)

    monkeypatch.setattr(ulmfit_keras, "train_classifier", replacement)

    def train(tables, balance):
        training.FLAGS.balance = balance
        training.train_classifier(None, tables, None)
        return given

    return train


def test_rows_to_validate_on_are_never_repeated(train):
    texts = [f"text {n}" for n in range(40)]
    table = data.TextTable(texts, ["a"] * 32 + ["b"] * 8)
    given = train({"train": table}, "sampling")
    valid_texts, valid_labels = given["validation_data"]
    assert sorted({*given["texts"], *valid_texts}) == sorted(texts)
    assert not set(given["texts"]) & set(valid_texts)
    assert given["labels"].count("a") == given["labels"].count("b") == 24
    assert valid_labels.count("b") == 2
    assert given["class_weight"] is None
    given = train({"train": table, "valid": table}, "sampling")
    assert given["labels"].count("b") == 32
    assert given["validation_data"] == (table.texts, table.labels)


def test_weights_are_in_place_of_repeated_rows(train):
    table = data.TextTable(list("abcdefgh"), ["x"] * 6 + ["y"] * 2)
    given = train({"train": table}, "weights")
    assert given["class_weight"] == "balanced"
    assert len(set(given["texts"])) == len(given["texts"])
    assert train({"train": table}, None)["class_weight"] is None


@needs_tensorflow
def test_the_report_records_how_classes_are_balanced(
    run_recipe, classifier_options, tmp_path
):
    path = tmp_path / "unequal.csv"
    rows = ["good,pos\n"] * 20 + ["bad,neg\n"] * 4
    path.write_text("review,stars\n" + "".join(rows))
    run = run_recipe(
        "classify_text",
        **{**classifier_options, "train": path, "test": path},
        lm_epochs=0,
        balance="sampling",
        output_dir=tmp_path,
    )
    assert run.code == 0, run.stderr
    assert "changed: classes balanced by: sampling" in run.stdout
    report = (tmp_path / "report.html").read_text("utf-8")
    assert "classes balanced by" in report and "sampling" in report


def test_who_predicts_is_told_how_columns_are_joined(monkeypatch):
    given = mock.Mock(clean=False, train="a.csv", text_column=["title", "body"])
    monkeypatch.setattr(preparation, "FLAGS", given)
    (note,) = preparation.prediction_notes()
    assert "--text_column=title,body" in note and "join_fields" in note
    joined = text.join_fields(["FIRST", "SECOND"])
    assert joined.replace("\x1f", "\\u001f") in note
    given.text_column = ["text"]
    assert preparation.prediction_notes() == []
