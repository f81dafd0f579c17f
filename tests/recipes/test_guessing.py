"""A classifier trained on guessed labels first."""

import csv
import re
from unittest import mock

import pytest

import ulmfit_keras
from recipes import guessing
from recipes import training
from ulmfit_keras import data

pytest.importorskip("tensorflow", reason="the recipe ends with a SavedModel")

WORDS = ["--class_words=neg=bad,poor", "--class_words=pos=good, great"]


@pytest.fixture(scope="module")
def guessed(run_recipe, folder, presets, classifier_options, tmp_path_factory):
    """(run, output folder) of both directions."""
    output_dir = tmp_path_factory.mktemp("guessed")
    run = run_recipe(
        "classify_text",
        *WORDS,
        **classifier_options,
        backward_preset=presets / "backward",
        prompt="The film was",
        backward_prompt="film.",
        unlabeled=folder / "more.csv",
        train_rows=40,
        guessed_rows=30,
        lm_epochs=0,
        adversarial_epsilon=0.02,
        output_dir=output_dir,
    )
    assert run.code == 0, run.stderr
    return run, output_dir


def test_guesses_can_be_looked_at(guessed, folder):
    run, output_dir = guessed
    with open(output_dir / "guesses.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 30 and all(row["text"].strip() for row in rows)
    for row in rows:
        scores = {name: float(row[name]) for name in ("neg", "pos")}
        assert scores[row["label"]] == max(scores.values())
    assert sum("in_more" in row["text"] for row in rows) > 10
    assert "Guessing the labels of 30 texts" in run.stdout
    assert "guesses.csv" in run.stdout


def test_each_direction_is_trained_on_guesses_then_on_labels(guessed):
    run, output_dir = guessed
    stages = [
        line
        for line in run.stdout.splitlines()
        if line.startswith("Stage 3: training")
    ]
    assert stages == [
        "Stage 3: training the classifier of guesses",
        "Stage 3: training the classifier",
        "Stage 3: training the backward classifier of guesses",
        "Stage 3: training the backward classifier",
    ]
    # 40 rows twice, less 4 held out, among all 30 guesses.
    sizes = re.findall(r"the words of ([0-9]+) texts", run.stdout)
    assert sizes == ["30", str(2 * 36 + 30)] * 2
    report = (output_dir / "report.html").read_text("utf-8")
    assert "Backward classifier of guesses" in report
    assert "class words" in report and "30 texts" in report


def test_guesses_are_learned_with_perturbations(monkeypatch):
    flags = mock.Mock(adversarial_epsilon=0.5)
    learn = mock.Mock()
    monkeypatch.setattr(training, "FLAGS", flags)
    monkeypatch.setattr(training, "logs", lambda *_: [])
    monkeypatch.setattr(ulmfit_keras, "train_classifier", learn)
    guessing.train_classifier(mock.MagicMock(), (["a"], ["neg"]), None)
    assert learn.call_args.kwargs["adversarial_epsilon"] == 0.5


@pytest.mark.parametrize(
    ("arguments", "changes", "messages"),
    [
        ([], {"prompt": "a"}, ["leave --prompt out", "no --class_words"]),
        (WORDS, {}, ["need --prompt", "Received: --prompt=None"]),
        (WORDS[:1], {"prompt": "a"}, ["neg, pos", "Received: neg"]),
        (["--class_words=bad"], {"prompt": "a"}, ["a label and its words"]),
        (
            WORDS,
            {"prompt": "a", "backward_prompt": "a"},
            ["give --backward_preset"],
        ),
        (WORDS, {"prompt": "a"}, ["no unlabelled texts"]),
        (
            ["--class_words=neg=not good,Bad,poor", WORDS[1]],
            {"prompt": "a", "train_rows": 30},
            ["Each of --class_words must", "Received: ['not good', 'Bad']"],
        ),
        (
            ["--class_words=neg=dreadful", WORDS[1]],
            {"prompt": "a", "train_rows": 30},
            ["Received: ['dreadful']"],
        ),
        (
            WORDS,
            {"prompt": "a", "train_rows": 30, "guessed_rows": 1},
            ["must get a guess", "--guessed_rows=1, which leaves none for"],
        ),
    ],
)
def test_what_cannot_be_guessed_ends_in_one_message(
    arguments, changes, messages, run_recipe, classifier_options, tmp_path
):
    run = run_recipe(
        "classify_text",
        *arguments,
        **classifier_options,
        **changes,
        lm_epochs=0,
        output_dir=tmp_path,
    )
    assert run.code != 0 and "Traceback" not in run.stderr
    for message in messages:
        assert message in run.stderr
    assert "Stage 3" not in run.stdout


def test_texts_must_do_for_each_class(monkeypatch):
    monkeypatch.setattr(guessing, "FLAGS", mock.Mock(guessed_rows=99))
    train = data.TextTable(["a"] * 8, ["neg"] * 7 + ["pos"])
    words = {"neg": ["bad"], "pos": ["good"]}

    def check(texts):
        unlabeled = data.TextTable(texts, None)
        guessing.check_rows({"train": train, "unlabeled": unlabeled}, words)

    check(["a film"] * 8)
    with pytest.raises(ValueError, match="0 texts that are .* for neg, pos"):
        check(["", " "])
    with pytest.raises(ValueError, match="3 texts that are .* none for pos"):
        check(["a film"] * 3 + [""] * 9)
