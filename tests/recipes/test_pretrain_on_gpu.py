"""A corpus is carried to a machine in parts, and a preset comes back."""

import hashlib
import json
import zipfile

import keras
import numpy as np
import pytest

from recipes import parcels
from ulmfit_keras import models

SIZES = [
    "--embedding_dim=6",
    "--hidden_dim=8",
    "--batch_size=4",
    "--bptt=10",
    "--num_sampled=20",
    "--steps_per_validation=12",
    "--steps_per_checkpoint=6",
    "--passes=1",
]


@pytest.fixture(scope="module")
def corpus(prepare_corpus):
    words = np.array([f"word{n}" for n in range(30)])
    return prepare_corpus(
        lambda random: " ".join(random.choice(words, 15)), train=60, valid=10
    )


@pytest.mark.skipif(
    keras.backend.backend() != "jax", reason="that machine has JAX"
)
def test_corpus_there_and_preset_back(tmp_path, corpus, run_recipe):
    packed = parcels.pack(corpus, tmp_path / "packed", mib=1 / 1024)
    for number, path in enumerate(packed):
        part = tmp_path / f"part_{number % 2}"
        part.mkdir(exist_ok=True)
        path.rename(part / path.name)

    def call(*options):
        return run_recipe(
            "pretrain_on_gpu",
            *options,
            backend=keras.backend.backend(),
            work_dir=tmp_path / "work",
            output_dir=tmp_path / "out",
            minutes=0,
            mib=0.001,
        ).summary

    summary = call(f"--parcels={tmp_path / 'part_0'}")
    assert not summary["finished"] and summary["awaited"]
    calls = 1
    part = [f"--parcels={tmp_path / 'part_1'}"]
    while not (summary := call(*part, "--", *SIZES))["finished"]:
        part = []
        calls += 1
        assert calls < 9
        assert not (tmp_path / "out" / parcels.LIST_FILE).exists()
    assert calls > 1
    rows = (tmp_path / "out" / "language_model_log.csv").read_text()
    assert len(rows.splitlines()) == calls + 1
    assert (tmp_path / "out" / "samples.txt").exists()
    assert len(json.loads((tmp_path / "out" / parcels.LIST_FILE).read_text()))
    again = call("--", *SIZES)
    assert again == summary
    # The other direction begins anew.
    other = call("--backwards", "--", *SIZES)
    assert not other["finished"]
    parcels.unpack(tmp_path / "out", tmp_path / "preset")
    language_model = models.AWDLSTMCausalLM.from_preset(tmp_path / "preset")
    assert language_model.count_params() == summary["parameters"]


def test_wheels_are_installed_as_a_whole(tmp_path, run_recipe):
    wheels, work_dir = tmp_path / "wheels", tmp_path / "work"
    wheels.mkdir()
    name = "tiny_package-1.0"
    described = "Name: tiny-package\nVersion: 1.0\n"
    with zipfile.ZipFile(wheels / f"{name}-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tiny_package/__init__.py", "whole = True\n")
        for file, text in {
            "METADATA": f"Metadata-Version: 2.1\n{described}",
            "WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\n"
            "Tag: py3-none-any\n",
            "RECORD": "",
        }.items():
            wheel.writestr(f"{name}.dist-info/{file}", text)
    # What a call that was killed has left: pip would not replace it.
    left = work_dir / "site.part" / "tiny_package"
    left.mkdir(parents=True)
    (left / "__init__.py").write_text("whole = ")

    def call():
        return run_recipe("pretrain_on_gpu", work_dir=work_dir, wheels=wheels)

    assert not call().summary["finished"]
    installed = work_dir / "site" / "tiny_package" / "__init__.py"
    assert installed.read_text() == "whole = True\n"
    assert not (work_dir / "site.part").exists()
    # Once only.
    installed.write_text("")
    assert call().code == 0 and installed.read_text() == ""


@pytest.mark.parametrize("option", ["--backwards=true", "--nobackwards"])
def test_the_direction_is_an_option_of_this_recipe(
    tmp_path, run_recipe, option
):
    run = run_recipe("pretrain_on_gpu", "--", option, work_dir=tmp_path)
    assert run.code == 1 and "Traceback" not in run.stderr
    assert "--backwards must stand before the --" in run.stderr


@pytest.mark.parametrize("name", ["parcels", "wheels"])
def test_folders_that_are_not_there(tmp_path, run_recipe, name):
    run = run_recipe(
        "pretrain_on_gpu", work_dir=tmp_path, **{name: tmp_path / "absent"}
    )
    assert run.code == 1 and "Traceback" not in run.stderr
    assert "absent" in run.stderr


def test_wheels_of_another_platform(tmp_path, run_recipe):
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    (wheels / "tiny-1.0-cp27-cp27m-win_amd64.whl").write_bytes(b"")
    run = run_recipe("pretrain_on_gpu", work_dir=tmp_path, wheels=wheels)
    assert run.code == 1 and "Traceback" not in run.stderr
    assert f"Received: {wheels}, of which pip says" in run.stderr
    assert "not a supported wheel on this platform" in run.stderr


@pytest.fixture
def packed(tmp_path):
    """The only parcel of a small folder."""
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "file").write_text("content")
    path, _ = parcels.pack(tmp_path / "corpus", tmp_path / "packed")
    return path


def test_what_the_recipe_refuses_is_told(tmp_path, run_recipe, packed):
    run = run_recipe(
        "pretrain_on_gpu",
        "--",
        "--embeding_dim=8",
        work_dir=tmp_path / "work",
        parcels=packed.parent,
    )
    assert run.code == 1 and "Traceback" not in run.stderr
    assert "ended with code 1 and wrote" in run.stderr
    assert "Did you mean: embedding_dim ?" in run.stderr


def test_another_corpus_needs_another_folder(tmp_path, run_recipe, packed):
    kept = tmp_path / "work" / "parcels"
    kept.mkdir(parents=True)
    (kept / parcels.LIST_FILE).write_text("{}")
    run = run_recipe(
        "pretrain_on_gpu", work_dir=tmp_path / "work", parcels=packed.parent
    )
    assert run.code == 1 and "Traceback" not in run.stderr
    assert "another one needs a folder of its own" in run.stderr
    assert [path.name for path in kept.iterdir()] == [parcels.LIST_FILE]


def test_an_archive_that_ends_too_early(tmp_path, run_recipe, packed):
    packed.write_bytes(packed.read_bytes()[:-50])
    checksums = {packed.name: hashlib.sha256(packed.read_bytes()).hexdigest()}
    (packed.parent / parcels.LIST_FILE).write_text(json.dumps(checksums))
    run = run_recipe(
        "pretrain_on_gpu", work_dir=tmp_path / "work", parcels=packed.parent
    )
    assert run.code == 1 and "Traceback" not in run.stderr
    assert "must be all that were packed" in run.stderr


def test_parcels_without_a_size(tmp_path, run_recipe):
    run = run_recipe("pretrain_on_gpu", work_dir=tmp_path, mib=0)
    assert run.code == 1 and "flag --mib=0" in run.stderr
