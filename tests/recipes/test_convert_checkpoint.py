"""Language models to fastai's files and back, by the recipe."""

import pickle

import numpy as np
import pytest

from ulmfit_keras import models


def test_there_and_back(run_recipe, presets, tmp_path):
    pytest.importorskip("torch")
    there = run_recipe(
        "convert_checkpoint",
        preset=presets / "backward",
        output_dir=tmp_path / "there",
    )
    weights, itos = there.summary["paths"]
    back = run_recipe(
        "convert_checkpoint",
        weights=weights,
        itos=itos,
        backwards=True,
        output_dir=tmp_path / "back",
    )
    (preset,) = back.summary["paths"]
    before = models.AWDLSTMCausalLM.from_preset(presets / "backward")
    after = models.AWDLSTMCausalLM.from_preset(preset)
    assert after.backbone.backwards
    tokenizers = [m.preprocessor.tokenizer for m in (before, after)]
    assert tokenizers[0].vocabulary == tokenizers[1].vocabulary
    assert back.summary["tokens"] == tokenizers[1].vocabulary_size()
    for old, new in zip(before.get_weights(), after.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_what_is_missing_or_hostile_is_said(run_recipe, tmp_path):
    run = run_recipe("convert_checkpoint", output_dir=tmp_path)
    assert run.code != 0
    assert "either --preset, or --weights and --itos" in run.stderr
    run = run_recipe("convert_checkpoint", preset="wt103", labels="neg,pos")
    assert run.code != 0
    assert "--labels and --backwards go with --weights" in run.stderr
    path = tmp_path / "hostile.pth"
    path.write_bytes(pickle.dumps(print, 2))
    run = run_recipe(
        "convert_checkpoint", weights=path, itos=path, output_dir=tmp_path
    )
    assert run.code != 0
    assert "Received: the name '__builtin__.print'" in run.stderr
    assert "Traceback" not in run.stderr


def test_a_classifier_is_no_language_model(run_recipe, presets, tmp_path):
    language_model = models.AWDLSTMCausalLM.from_preset(presets / "forward")
    models.AWDLSTMTextClassifier(
        language_model.backbone, 2, language_model.preprocessor
    ).save_to_preset(tmp_path / "preset")
    run = run_recipe(
        "convert_checkpoint",
        preset=tmp_path / "preset",
        output_dir=tmp_path / "out",
    )
    assert run.code == 1 and "Traceback" not in run.stderr
    assert "which is that of a AWDLSTMTextClassifier" in run.stderr


def test_a_folder_of_something_else_is_left_alone(run_recipe, tmp_path):
    notes = tmp_path / "preset" / "notes.md"
    notes.parent.mkdir()
    notes.touch()
    for name in ("weights.pth", "itos.pkl"):
        (tmp_path / name).touch()
    run = run_recipe(
        "convert_checkpoint",
        weights=tmp_path / "weights.pth",
        itos=tmp_path / "itos.pkl",
        output_dir=tmp_path,
    )
    assert run.code == 1 and "Traceback" not in run.stderr
    assert "notes.md" in run.stderr and notes.exists()
