"""Stages 2 and 3 by recipes of their own, and the export of a classifier."""

import importlib.util

import keras
import numpy as np
import pytest

from ulmfit_keras import models

needs_tensorflow = pytest.mark.skipif(
    importlib.util.find_spec("tensorflow") is None,
    reason="SavedModels need TensorFlow",
)


@pytest.fixture(scope="module")
def finetuned(run_recipe, options, folder, tmp_path_factory):
    """(run, folder of the preset) of stage 2."""
    output_dir = tmp_path_factory.mktemp("finetuned")
    run = run_recipe(
        "finetune_language_model",
        **options,
        test=folder / "test.csv",
        unlabeled=folder / "more.csv",
        lm_epochs=1,
        num_sampled=8,
        output_dir=output_dir,
    )
    return run, output_dir / "preset"


@pytest.fixture(scope="module")
def trained(run_recipe, finetuned, classifier_options, tmp_path_factory):
    """(run, output folder) of stage 3 on the preset of stage 2."""
    output_dir = tmp_path_factory.mktemp("trained")
    run = run_recipe(
        "train_classifier",
        **{**classifier_options, "preset": finetuned[1]},
        output_dir=output_dir,
    )
    return run, output_dir


def test_finetuning_writes_a_preset(finetuned, presets):
    run, preset = finetuned
    summary = run.summary
    assert summary["epochs"] == 1
    assert np.isfinite(summary["perplexity"])
    assert summary["backend"] == keras.backend.backend()
    before = models.AWDLSTMCausalLM.from_preset(presets / "forward")
    after = models.AWDLSTMCausalLM.from_preset(preset)
    assert not np.allclose(before.get_weights()[0], after.get_weights()[0])


def test_words_are_learnt_from_all_tables_but_that_of_the_test(finetuned):
    language_model = models.AWDLSTMCausalLM.from_preset(finetuned[1])
    words = language_model.preprocessor.tokenizer.get_vocabulary()
    assert {"in_train", "in_more"} < set(words)
    assert "in_test" not in words


def test_a_classifier_is_trained_on_that_preset(trained):
    run, output_dir = trained
    summary = run.summary
    assert summary["epochs"] == 1
    assert (summary["train_rows"], summary["test_rows"]) == (55, 23)
    assert "train: 55 rows of " in run.stdout
    assert "NOTE (test): 2 texts are empty" in run.stdout
    assert 0 <= summary["test_error"] <= 1 and 0 <= summary["macro_f1"] <= 1
    model = keras.saving.load_model(output_dir / "model.keras", compile=False)
    assert model.labels == ["neg", "pos"]


def test_a_held_out_test_and_a_given_validation_part_are_told(
    classifier_options, folder, run_recipe, tmp_path
):
    rows = (folder / "train.csv").read_text("utf-8").splitlines()[1:9]
    (tmp_path / "own").mkdir()
    for name in ("train", "valid", "test"):
        lines = ["text,label", *rows]
        (tmp_path / "own" / f"{name}.csv").write_text("\n".join(lines))
    options = dict(classifier_options)
    del options["text_column"], options["label_column"], options["test"]
    run = run_recipe(
        "train_classifier",
        **{**options, "train": "own"},
        data_dir=tmp_path,
        validation_fraction=0.3,
        output_dir=tmp_path,
    )
    assert run.code == 0, run.stderr
    assert "valid.csv is there to validate on, so" in run.stdout
    options["train"] = classifier_options["train"]
    options |= {"text_column": "review", "label_column": "stars"}
    run = run_recipe(
        "train_classifier",
        **{**options, "classifier_learning_rate": 1e38},
        output_dir=tmp_path,
    )
    assert "11 rows, drawn at random from each class" in run.stdout
    assert run.code == 1 and "DivergenceError: Training div" in run.stderr
    assert "Traceback" not in run.stderr


def test_all_rows_are_trained_on_without_validation(
    classifier_options, run_recipe, tmp_path
):
    options = {**classifier_options, "validation_fraction": 0}
    run = run_recipe("train_classifier", **options, output_dir=tmp_path)
    assert run.summary["epochs"] == 1
    header, row = (tmp_path / "classifier_log.csv").read_text().splitlines()
    logged = dict(zip(header.split(","), row.split(","), strict=True))
    assert float(logged["loss"]) > 0 and logged["val_loss"] == "NA"
    run = run_recipe(
        "train_classifier", **options, patience=2, output_dir=tmp_path
    )
    assert run.code == 1 and "--patience needs" in run.stderr


@needs_tensorflow
@pytest.mark.parametrize("kind", ["file", "preset", "two_directions"])
def test_export_serves_what_was_trained(kind, trained, run_recipe, tmp_path):
    path = trained[1] / "model.keras"
    model = keras.saving.load_model(path, compile=False)
    if kind != "file":
        path = tmp_path / "preset"
    if kind == "two_directions":
        backbone = models.AWDLSTMBackbone.from_config(
            {**model.backbone.get_config(), "backwards": True}
        )
        backward = models.AWDLSTMTextClassifier(
            backbone,
            2,
            model.preprocessor,
            labels=model.labels,
            name="backward",
        )
        model = models.BidirectionalTextClassifier(model, backward)
    if kind != "file":
        model.save_to_preset(path)
    run = run_recipe(
        "export_savedmodel", model=path, version=7, output_dir=tmp_path
    )
    served = tmp_path / "7"
    assert (served / "saved_model.pb").is_file()
    assert run.summary["path"] == str(served)
    assert run.summary["largest_difference"] <= 1e-5
    files = [file for file in served.rglob("*") if file.is_file()]
    assert run.summary["bytes"] == sum(f.stat().st_size for f in files)


@needs_tensorflow
def test_no_other_folder_is_replaced_by_an_export(
    trained, run_recipe, tmp_path
):
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "thesis.txt").touch()
    run = run_recipe(
        "export_savedmodel",
        model=trained[1] / "model.keras",
        output_dir=tmp_path,
    )
    assert run.code == 1 and "Traceback" not in run.stderr
    assert "one with an older SavedModel" in run.stderr


def test_options_of_an_export(run_recipe):
    run = run_recipe("export_savedmodel", "--help")
    assert "--output_dir" in run.stdout and "--backend" in run.stdout
    run = run_recipe("export_savedmodel", model="model.keras", version=-3)
    assert run.code == 1 and "--version" in run.stderr


def test_onnx_is_compared_on_texts(trained, folder, run_recipe, tmp_path):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from ulmfit_keras import export

    exported = tmp_path / "onnx"
    run = run_recipe(
        "export_onnx",
        model=trained[1] / "model.keras",
        precision="int8",
        texts=folder / "test.csv",
        text_column="review,stars",
        rows=20,
        output_dir=tmp_path,
    )
    summary = run.summary
    assert summary["path"] == str(exported) and summary["texts"] == 20
    assert 0 < summary["largest_difference"] < 0.1
    assert summary["same_labels"] > 0.8
    files = [file for file in exported.rglob("*") if file.is_file()]
    assert summary["bytes"] == sum(f.stat().st_size for f in files)
    classifier = export.OnnxClassifier(exported)
    assert classifier.labels == ["neg", "pos"]
