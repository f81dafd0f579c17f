"""All stages on a small table, and every file they leave behind."""

import csv
import json
import re

import keras
import numpy as np
import pytest

from recipes import preparation
from ulmfit_keras import data
from ulmfit_keras import models

pytest.importorskip("tensorflow", reason="the recipe ends with a SavedModel")

LM_OPTIONS = {"lm_epochs": 1, "lm_learning_rate": 0.02, "num_sampled": 0}


@pytest.fixture(scope="module")
def classified(run_recipe, folder, classifier_options, tmp_path_factory):
    """(run, output folder) with a test table and unlabelled text."""
    output_dir = tmp_path_factory.mktemp("classified")
    run = run_recipe(
        "classify_text",
        **{**classifier_options, "classifier_epochs": 2},
        **LM_OPTIONS,
        unlabeled=folder / "more.csv",
        output_dir=output_dir,
    )
    assert run.code == 0, run.stderr
    return run, output_dir


def read_predictions(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_last_line_is_the_result(classified):
    run, output_dir = classified
    summary = run.summary
    assert summary["backend"] == keras.backend.backend()
    assert (summary["train_rows"], summary["test_rows"]) == (55, 23)
    assert summary["seconds"] > 0
    metrics = json.loads((output_dir / "metrics.json").read_text("utf-8"))
    assert metrics.items() >= summary.items()
    assert metrics["metrics"]["test_error"] == summary["test_error"]
    assert metrics["baseline"]["test_error"] == summary["baseline_test_error"]


def test_progress_and_what_the_data_held_are_shown(classified):
    run, _ = classified
    assert "Stage 2" in run.stdout and "Stage 3" in run.stdout
    assert "Epoch 2/2" in run.stdout
    for split in ("train", "test", "unlabeled"):
        assert f"NOTE ({split}): 2 texts are empty" in run.stdout
    # Of each table's hard texts three, in the test table one of a million
    # characters, in words; letters without a space are one word.
    assert run.stdout.count("texts cut: 3\n") == 3
    assert "most tokens: 300,001\n" in run.stdout
    assert "3 texts are longer than 16 tokens (13.0%)" in run.stdout
    assert "validate: 6 rows, which leaves 49 to train" in run.stdout
    assert "embedding, lstm_0 will stay as in stage 2" in run.stdout
    assert "It takes 4 epochs" in run.stdout
    # Keras' bar, of tokens.
    assert re.search(r"Predicting 23 test texts\n.*?(\d+)/\1", run.stdout)


def test_predictions_are_rows_of_the_test_table(classified, folder):
    run, output_dir = classified
    rows = read_predictions(output_dir / "predictions.csv")
    assert list(rows[0]) == ["text", "truth", "prediction", "neg", "pos"]
    table = data.read_table(folder / "test.csv", "review", "stars")
    assert [row["text"] for row in rows] == table.texts
    assert [row["truth"] for row in rows] == table.labels
    probabilities = np.array([[row["neg"], row["pos"]] for row in rows], float)
    np.testing.assert_allclose(probabilities.sum(-1), 1, atol=1e-5)
    for row, (neg, pos) in zip(rows, probabilities, strict=True):
        assert row["prediction"] == ("pos" if pos > neg else "neg")
    wrong = [row["truth"] != row["prediction"] for row in rows]
    assert run.summary["test_error"] == pytest.approx(np.mean(wrong))


def test_macro_f1_is_that_of_the_predictions(classified):
    from sklearn.metrics import f1_score

    run, output_dir = classified
    rows = read_predictions(output_dir / "predictions.csv")
    truth, predicted = ([r[k] for r in rows] for k in ("truth", "prediction"))
    expected = f1_score(truth, predicted, average="macro")
    assert run.summary["macro_f1"] == pytest.approx(expected)


def test_the_saved_model_predicts_the_same(classified, folder):
    _, output_dir = classified
    model = keras.saving.load_model(output_dir / "model.keras", compile=False)
    table = data.read_table(folder / "test.csv", "review", "stars")
    rows = read_predictions(output_dir / "predictions.csv")
    np.testing.assert_allclose(
        model.predict(table.texts),
        np.array([[row["neg"], row["pos"]] for row in rows], float),
        atol=1e-5,
    )
    assert (output_dir / "savedmodel" / "1" / "saved_model.pb").is_file()


def test_the_report_shows_every_stage_and_runs_nothing(classified):
    _, output_dir = classified
    report = (output_dir / "report.html").read_text("utf-8")
    for shown in ("Language model", "Classifier", "TF-IDF", "train.csv"):
        assert shown in report
    for number, tile in ((49, "training rows"), (6, "validation rows")):
        assert f"<b>{number}</b><span>{tile}</span>" in report
    assert "<script" not in report and "src=" not in report
    assert re.search(
        r"\d of the test rows \(\d+\.\d%\) have a text that is in the "
        r"training rows, too\.",
        report,
    )


def test_logs_are_kept(classified):
    _, output_dir = classified
    for stage, epochs in (("language_model", 1), ("classifier", 2)):
        log = (output_dir / f"{stage}_log.csv").read_text().splitlines()
        assert len(log) == epochs + 1
        assert "learning_rate" in log[0]
        assert any((output_dir / "tensorboard" / stage).rglob("events*"))


@pytest.fixture(scope="module")
def both_directions(run_recipe, classifier_options, presets, tmp_path_factory):
    """(run, output folder) with a backward model and no test table."""
    output_dir = tmp_path_factory.mktemp("both")
    options = dict(classifier_options)
    del options["test"]
    run = run_recipe(
        "classify_text",
        **options,
        **LM_OPTIONS,
        backward_preset=presets / "backward",
        train_rows=30,
        clean=True,
        output_dir=output_dir,
    )
    assert run.code == 0, run.stderr
    return run, output_dir


def test_without_a_test_table_a_part_is_held_out(both_directions):
    run, output_dir = both_directions
    summary = run.summary
    assert (summary["train_rows"], summary["test_rows"]) == (30, 11)
    assert "11 rows, drawn at random from each class" in run.stdout
    assert len(read_predictions(output_dir / "predictions.csv")) == 11
    report = (output_dir / "report.html").read_text("utf-8")
    assert 'class="note">No test table: 11 rows' in report


def test_cleaned_texts_are_said_to_need_the_same_later(both_directions):
    run, output_dir = both_directions
    report = (output_dir / "report.html").read_text("utf-8")
    for shown in (run.stdout, report):
        assert "through ulmfit_keras.data.clean_texts before" in shown


def test_both_directions_are_trained_and_averaged(both_directions):
    run, output_dir = both_directions
    for name in ("language_model", "classifier"):
        assert (output_dir / f"{name}_log.csv").is_file()
        assert (output_dir / f"backward_{name}_log.csv").is_file()
    assert "Stage 3: training the backward classifier" in run.stdout
    report = (output_dir / "report.html").read_text("utf-8")
    assert "Backward language model" in report
    model = keras.saving.load_model(output_dir / "model.keras", compile=False)
    rows = read_predictions(output_dir / "predictions.csv")
    texts = [row["text"] for row in rows]
    parts = [
        part.predict(texts)
        for part in (model.forward_classifier, model.backward_classifier)
    ]
    assert model.backward_classifier.backbone.backwards
    assert np.abs(parts[0] - parts[1]).max() > 1e-3
    np.testing.assert_allclose(
        np.mean(parts, axis=0),
        np.array([[row["neg"], row["pos"]] for row in rows], float),
        atol=1e-5,
    )
    truth = [["neg", "pos"].index(row["truth"]) for row in rows]
    for name, part in zip(("forward", "backward"), parts, strict=True):
        error = np.mean(part.argmax(axis=1) != truth)
        assert run.summary[f"{name}_test_error"] == pytest.approx(error)
    assert "wrong reading backwards only" in report
    assert (output_dir / "savedmodel" / "1" / "saved_model.pb").is_file()


def test_another_classifier_needs_no_stage_two(
    both_directions, run_recipe, classifier_options, presets, tmp_path
):
    run, output_dir = both_directions
    kept = {
        "preset": output_dir / "language_model",
        "backward_preset": output_dir / "backward_language_model",
    }
    for (option, path), name in zip(
        kept.items(), ("forward", "backward"), strict=True
    ):
        assert f"kept in {path}" in run.stdout
        finetuned, before = (
            models.AWDLSTMCausalLM.from_preset(p)
            for p in (path, presets / name)
        )
        assert finetuned.backbone.backwards == ("backward" in option)
        tokenizer = finetuned.preprocessor.tokenizer
        assert tokenizer.token_to_id("in_train") != tokenizer.unk_token_id
        weights = (
            m.backbone.lstm_layers[0].kernel for m in (finetuned, before)
        )
        assert np.abs(np.subtract(*map(np.asarray, weights))).max() > 1e-3
    again = run_recipe(
        "classify_text",
        **{**classifier_options, **kept},
        lm_epochs=0,
        output_dir=tmp_path,
    )
    assert "Stage 2" not in again.stdout
    assert again.summary["test_rows"] == 23
    assert not (tmp_path / "language_model").exists()


@pytest.mark.parametrize(
    "change, message",
    [
        ({"classifier_dropout_multiplier": 2.5}, "multiplier=2.5"),
        ({"lm_dropout_multiplier": 3}, "multiplier=3"),
        ({"lm_learning_rate": 0}, "`learning_rate` must be above 0"),
        ({"classifier_learning_rate": 0}, "`learning_rate` must be above 0"),
        ({"classifier_factor": 0}, "`factor`, the learning rate of a layer"),
        ({"adversarial_epsilon": 0}, "--adversarial_epsilon, the size"),
        ({}, "one with an older SavedModel"),
    ],
)
def test_what_would_fail_at_the_end_fails_at_once(
    change, message, run_recipe, classifier_options, tmp_path
):
    if not change:
        (tmp_path / "savedmodel" / "1").mkdir(parents=True)
        (tmp_path / "savedmodel" / "1" / "thesis.txt").touch()
    run = run_recipe(
        "classify_text",
        **{**classifier_options, "settings": "paper", **change},
        output_dir=tmp_path,
    )
    assert run.code == 1 and message in run.stderr
    assert "Traceback" not in run.stderr and "Stage 2" not in run.stdout


def test_a_missing_package_shows_before_training():
    preparation.check_packages("json")
    with pytest.raises(SystemExit, match="Received: no module nothing_such"):
        preparation.check_packages("json", "nothing_such")


def test_the_model_outlives_a_report_that_fails(
    run_recipe, classifier_options, tmp_path
):
    (tmp_path / "report.html").mkdir()
    run = run_recipe(
        "classify_text", **classifier_options, lm_epochs=0, output_dir=tmp_path
    )
    assert run.code == 1 and "report.html" in run.stderr
    assert (tmp_path / "model.keras").is_file()
