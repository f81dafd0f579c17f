"""Figures of a language model on files of text."""

import pytest

from ulmfit_keras import evaluation
from ulmfit_keras import models


def test_files_are_read_and_measured(run_recipe, presets, tmp_path):
    """Those that a pattern matches."""
    texts = ["The film was a very good film .", "A bad one , and awful !"]
    for number, text in enumerate(texts):
        (tmp_path / f"corpus-{number}.txt").write_text(text)
    summary = run_recipe(
        "evaluate_language_model",
        preset=presets / "forward",
        texts=tmp_path / "corpus-*.txt",
        batch_size=1,
        output_dir=tmp_path,
    ).summary
    language_model = models.AWDLSTMCausalLM.from_preset(presets / "forward")
    expected = evaluation.language_model_metrics(language_model, texts, 1)
    assert summary["documents"] == 2
    for name in ("perplexity", "bits_per_character", "unknown_share"):
        assert summary[name] == pytest.approx(expected[name], rel=1e-3)


def test_wikitext_is_measured_by_its_words(run_recipe, presets, tmp_path):
    path = tmp_path / "test.txt"
    path.write_text(" \n = A film = \n \n A very good film . \n" * 30)
    summary = run_recipe(
        "evaluate_language_model",
        preset=presets / "forward",
        wikitext=path,
        output_dir=tmp_path,
    ).summary
    assert summary["words"] == 30 * (1 + 5 + 1 + 6)
    assert summary["word_perplexity"] < summary["spelled_word_perplexity"]


def test_a_preset_without_its_vocabulary_is_told(run_recipe, presets, tmp_path):
    language_model = models.AWDLSTMCausalLM.from_preset(presets / "forward")
    models.AWDLSTMCausalLM(language_model.backbone).save_to_preset(
        tmp_path / "bare"
    )
    run = run_recipe(
        "evaluate_language_model", preset=tmp_path / "bare", texts=__file__
    )
    assert run.code == 1 and "Traceback" not in run.stderr
    assert "must hold the preprocessor" in run.stderr
    assert f"Received: {tmp_path / 'bare'}" in run.stderr


def test_the_preset_of_a_classifier_is_refused(run_recipe, presets, tmp_path):
    backbone = models.AWDLSTMBackbone.from_preset(presets / "forward")
    models.AWDLSTMTextClassifier(backbone, num_classes=2).save_to_preset(
        tmp_path / "classifier"
    )
    run = run_recipe(
        "evaluate_language_model",
        preset=tmp_path / "classifier",
        texts=__file__,
    )
    assert run.code == 1 and "Traceback" not in run.stderr
    assert "that of a AWDLSTMTextClassifier" in run.stderr


def test_a_missing_file_is_named(run_recipe, presets, tmp_path):
    run = run_recipe(
        "evaluate_language_model",
        preset=presets / "forward",
        texts=tmp_path / "nothing.txt",
        output_dir=tmp_path,
    )
    assert run.code == 1 and "nothing.txt" in run.stderr
    assert "Traceback" not in run.stderr


def test_an_empty_file_is_told(run_recipe, presets, tmp_path):
    (tmp_path / "empty.txt").touch()
    run = run_recipe(
        "evaluate_language_model",
        preset=presets / "forward",
        texts=tmp_path / "empty.txt",
        output_dir=tmp_path,
    )
    assert run.code == 1 and "Traceback" not in run.stderr
    assert "must hold text. Received: 1 files without" in run.stderr
