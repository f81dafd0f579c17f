"""What a user can get wrong ends in one short message."""

import os
import subprocess
import sys
from unittest import mock

import keras
import pytest

from recipes import inputs
from ulmfit_keras import models


@pytest.fixture
def unseen(tmp_path):
    """A test table whose last row has a label of its own."""
    path = tmp_path / "unseen.csv"
    path.write_text('review,stars\n"two\nlines",pos\ngood,neg\nbad,worst\n')
    return path


@pytest.mark.parametrize(
    "recipe", ["classify_text", "train_classifier", "finetune_language_model"]
)
@pytest.mark.parametrize(
    ("change", "messages"),
    [
        (
            {"text_column": "reviews"},
            ["no column 'reviews'", "Did you mean 'review'?"],
        ),
        ({"train": "missing.csv"}, ["FileNotFoundError", "missing.csv"]),
        ({"preset": "missing"}, ["--preset must be", "--preset=missing"]),
    ],
)
def test_message_without_traceback(
    recipe, change, messages, run_recipe, options, tmp_path
):
    run = run_recipe(recipe, **{**options, **change}, output_dir=tmp_path)
    assert_message(run.code, run.stderr, messages)


@pytest.mark.parametrize("recipe", ["classify_text", "train_classifier"])
def test_labels_that_cannot_be_learnt_show_before_training(
    recipe, run_recipe, options, unseen, tmp_path
):
    def fails(messages, **changes):
        run = run_recipe(recipe, **{**options, **changes}, output_dir=tmp_path)
        assert_message(run.code, run.stderr, messages)
        assert "Epoch 1" not in run.stdout

    row = "'worst' in row 4 (line 5)"
    fails(["unseen.csv has labels", row], test=unseen)
    fails(["at least one class", "unseen.csv"], train=unseen)
    fails(["2 classes or more", "'pos' in row 2"], train=_one_class(tmp_path))
    fails(["must have labels", "train.csv"], label_column="")
    fails(["--test goes with a table"], train="imdb", test=unseen)


@pytest.mark.parametrize("recipe", ["classify_text", "train_classifier"])
def test_presets_that_do_not_fit_each_other(
    recipe, run_recipe, options, presets, tmp_path
):
    def fails(message, **changes):
        run = run_recipe(recipe, **{**options, **changes}, output_dir=tmp_path)
        assert_message(run.code, run.stderr, [message])

    forward, backward = presets / "forward", presets / "backward"
    fails("backwards=[False, False]", backward_preset=forward)
    fails("backwards=[True, True]", preset=backward, backward_preset=backward)
    other = tmp_path / "other"
    language_model = models.AWDLSTMCausalLM.from_preset(backward)
    tokens = language_model.preprocessor.tokenizer.get_vocabulary()
    language_model.preprocessor.tokenizer.set_vocabulary(
        [*tokens[:-2], tokens[-1], tokens[-2]]
    )
    language_model.save_to_preset(other)
    fails("must have the same vocabulary", backward_preset=other)


def _one_class(folder):
    path = folder / "one_class.csv"
    path.write_text("review,stars\n" + "good,pos\n" * 10)
    return path


def test_only_classifiers_are_exported(run_recipe, presets, tmp_path):
    run = run_recipe(
        "export_savedmodel", model=presets / "forward", output_dir=tmp_path
    )
    assert_message(run.code, run.stderr, ["trained classifier", "forward"])
    other = keras.Sequential([keras.Input([1]), keras.layers.Dense(1)])
    other.save(tmp_path / "other.keras")
    run = run_recipe(
        "export_savedmodel", model=tmp_path / "other.keras", output_dir=tmp_path
    )
    assert_message(run.code, run.stderr, ["trained classifier", "other.keras"])


@pytest.mark.parametrize(
    ("rows", "message"),
    [(5, "--train_rows to 8 or more"), (41, "only 40 training rows")],
)
def test_rows_that_are_not_there(rows, message, run_recipe, options, tmp_path):
    path = tmp_path / "many.csv"
    lines = [f"text {i},class {i % 8}\n" for i in range(40)]
    path.write_text("review,stars\n" + "".join(lines))
    run = run_recipe(
        "train_classifier",
        **{**options, "train": path, "test": path},
        train_rows=rows,
        output_dir=tmp_path,
    )
    assert_message(run.code, run.stderr, [message])


@pytest.mark.parametrize(
    ("recipe", "required"),
    [
        ("classify_text", {}),
        ("prepare_corpus", {"train": "corpus.txt"}),
        ("export_onnx", {"model": "model.keras"}),
    ],
)
def test_a_value_without_its_option(recipe, required, run_recipe):
    run = run_recipe(recipe, "reviews.csv", "false", **required)
    received = "Received: ['reviews.csv', 'false']"
    assert_message(run.code, run.stderr, ["--train=", "--noclean", received])


@pytest.mark.parametrize(
    ("options", "messages"),
    [
        ({"text_column": "review"}, ["--text_column=review"]),
        ({"train": "imdb", "encoding": "cp1252"}, ["--encoding=cp1252"]),
        ({"label_column": "stars"}, ["--label_column=stars"]),
        ({"train": "trec", "quoting": "false"}, ["--quoting", "--train=trec"]),
        ({"data_dir": "."}, ["--data_dir goes with the name of a set"]),
        ({"train": __file__, "data_dir": "."}, ["--data_dir goes with"]),
        ({"test_fraction": 0.5}, ["and no --test. Received: --test_fraction"]),
        (
            {"train": "a.csv", "test": "b.csv", "test_fraction": 0.5},
            ["and no --test."],
        ),
        (
            {"train": "a.csv", "label_column": "", "train_rows": 9},
            ["--train_rows goes with labels in --train"],
        ),
        (
            {"train": "a.csv", "label_delimiter": "|"},
            ["--label_delimiter goes with --problem_type=multi_label"],
        ),
        (
            {"lm_epochs": 0, "lm_learning_rate": 0.1, "num_sampled": 9},
            ["or give --lm_epochs", "--lm_learning_rate=0.1 --num_sampled=9"],
        ),
    ],
)
def test_options_that_would_change_nothing(
    options, messages, run_recipe, tmp_path
):
    run = run_recipe("classify_text", **options, output_dir=tmp_path)
    assert_message(run.code, run.stderr, [*messages, "Received: --"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        *(({name: ""}, f"--{name}=") for name in ("train", "test", "data_dir")),
        ({"validation_fraction": 1}, "0 or more, and below 1"),
        ({"test_fraction": 1}, "between 0 and 1"),
        ({"lm_epochs": 0}, "1 or more"),
        ({"num_sampled": -1}, "--num_sampled"),
    ],
)
def test_values_that_are_out_of_range(options, message, run_recipe):
    run = run_recipe("finetune_language_model", **options)
    assert_message(run.code, run.stderr, [message])


def test_a_set_and_a_folder_of_one_name(monkeypatch, tmp_path):
    (tmp_path / "imdb" / "pos").mkdir(parents=True)
    (tmp_path / "imdb" / "pos" / "1.txt").write_text("good")
    monkeypatch.chdir(tmp_path)
    options = mock.Mock(train="imdb", data_dir=None)
    monkeypatch.setattr(inputs, "FLAGS", options)
    with pytest.raises(SystemExit, match="Give --train=./imdb for the one"):
        inputs.read_tables()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch_size": 1}, "--batch_size must be at least 2. Received: "),
        ({"max_tokens": 1}, "--max_tokens"),
        ({"classifier_learning_rate": "inf"}, "above 0 and finite"),
        ({"classifier_factor": "inf"}, "above 0 and finite"),
        ({"seed": -1}, "--seed"),
        ({"dtype": "float23"}, "--dtype must be one of Keras' policies"),
    ],
)
def test_what_stage_three_cannot_train_with_shows_before_stage_two(
    change, message, run_recipe, options, tmp_path
):
    run = run_recipe(
        "classify_text", **{**options, **change}, output_dir=tmp_path
    )
    assert_message(run.code, run.stderr, [message])
    assert "Stage 2" not in run.stdout


def test_balancing_needs_one_label_a_row(run_recipe):
    run = run_recipe(
        "train_classifier", balance="weights", problem_type="regression"
    )
    assert_message(run.code, run.stderr, ["--problem_type=single_label"])


def test_labels_of_built_in_text_are_no_lists(run_recipe, tmp_path):
    run = run_recipe(
        "train_classifier", problem_type="multi_label", output_dir=tmp_path
    )
    assert_message(run.code, run.stderr, ["single_label", "Received: 'python'"])


def test_an_output_folder_that_cannot_be_written_to(run_recipe, tmp_path):
    in_the_way = tmp_path / "outputs"
    in_the_way.write_text("")
    folders = [in_the_way, in_the_way / "deeper"]
    if os.path.isdir("/proc"):  # where not even root can make a file
        folders.append("/proc")
    for folder in folders:
        run = run_recipe("classify_text", output_dir=folder)
        assert_message(run.code, run.stderr, ["--output_dir", f": {folder} ("])


def test_exit_code_of_the_command(options, tmp_path):
    command = [sys.executable, "-m", "recipes.classify_text"]
    run = subprocess.run(
        [*command, "--train=missing.csv", f"--output_dir={tmp_path}"],
        env={**os.environ, "KERAS_BACKEND": keras.backend.backend()},
        capture_output=True,
        text=True,
    )
    assert_message(run.returncode, run.stderr, ["missing.csv"])


def assert_message(code, stderr, messages):
    assert code == 1, stderr
    assert "Traceback" not in stderr
    for message in messages:
        assert message in stderr
