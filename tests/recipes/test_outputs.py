"""Models are written whole, and by one run at a time."""

import subprocess
import sys

import pytest

from recipes import outputs
from ulmfit_keras import models


class Broken:
    """Breaks off in the middle of writing, as on a full disk."""

    def save(self, path):
        path.write_text("half")
        raise OSError("No space left on device")

    def save_to_preset(self, path):
        (path / "config.json").write_text("half")
        raise OSError("No space left on device")


def test_an_older_classifier_stays_if_the_new_one_is_not_whole(tmp_path):
    path = tmp_path / "model.keras"
    path.write_text("old")
    with pytest.raises(OSError, match="No space"):
        outputs.save_classifier(Broken(), path)
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [
        ("model.keras", "old")
    ]


def test_an_older_preset_stays_if_the_new_one_is_not_whole(tmp_path, presets):
    path = tmp_path / "preset"
    language_model = models.AWDLSTMCausalLM.from_preset(presets / "forward")
    for _ in range(2):  # the second takes the place of the first
        outputs.save_preset(language_model, path)
    with pytest.raises(OSError, match="No space"):
        outputs.save_preset(Broken(), path)
    models.AWDLSTMCausalLM.from_preset(path)
    assert [p.name for p in tmp_path.iterdir()] == ["preset"]


def test_a_folder_that_is_no_preset_is_told_before_training(
    run_recipe, options, tmp_path
):
    for name in ("preset", "language_model"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "thesis.txt").touch()
    for recipe in ("finetune_language_model", "classify_text"):
        run = run_recipe(recipe, **options, output_dir=tmp_path)
        assert run.code == 1 and "Traceback" not in run.stderr
        assert "which holds thesis.txt" in run.stderr
        assert "Epoch 1" not in run.stdout


_HOLD = """
import fcntl, os, sys, time
fcntl.flock(os.open(sys.argv[1], os.O_RDONLY), fcntl.LOCK_EX)
print("held", flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize(
    "recipe",
    ["classify_text", "train_classifier", "finetune_language_model"],
)
def test_two_runs_do_not_write_into_one_folder(
    recipe, run_recipe, options, tmp_path
):
    pytest.importorskip("fcntl")
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(tmp_path)], stdout=subprocess.PIPE
    ) as other:
        try:
            assert other.stdout.readline() == b"held\n"
            run = run_recipe(recipe, **options, output_dir=tmp_path)
        finally:
            other.kill()
    assert run.code == 1 and "Traceback" not in run.stderr
    assert f"Another run works in {tmp_path}" in run.stderr
    # Gone with its process, so that the folder is free.
    run = run_recipe(
        recipe, **{**options, "train": "missing.csv"}, output_dir=tmp_path
    )
    assert "missing.csv" in run.stderr
