"""Figures of a language model on files of text."""

import pytest

from ulmfit_keras import evaluation
from ulmfit_keras import models


def test_files_are_read_and_measured(run_recipe, presets, tmp_path):
    texts = ["The film was a very good film .", "A bad one , and awful !"]
    path = tmp_path / "corpus.txt"
    path.write_text("\n\n".join(texts), encoding="utf-8")
    summary = run_recipe(
        "evaluate_language_model",
        preset=presets / "forward",
        texts=path,
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


def test_a_missing_file_is_named(run_recipe, presets, tmp_path):
    run = run_recipe(
        "evaluate_language_model",
        preset=presets / "forward",
        texts=tmp_path / "nothing.txt",
        output_dir=tmp_path,
    )
    assert run.code == 1 and "nothing.txt" in run.stderr
    assert "Traceback" not in run.stderr
