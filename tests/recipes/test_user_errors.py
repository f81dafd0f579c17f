"""What a user can get wrong ends in one short message."""

import os
import subprocess
import sys

import keras
import pytest

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
        ({"preset": "missing"}, ["`preset` must be", "'missing'"]),
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


def test_fewer_rows_than_classes(run_recipe, options, tmp_path):
    path = tmp_path / "many.csv"
    rows = [f"text {i},class {i % 8}\n" for i in range(40)]
    path.write_text("review,stars\n" + "".join(rows))
    run = run_recipe(
        "train_classifier",
        **{**options, "train": path},
        train_rows=5,
        output_dir=tmp_path,
    )
    assert_message(run.code, run.stderr, ["--train_rows to 8 or more"])


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
