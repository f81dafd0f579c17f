"""Pretraining in slices of time gives the model of one unbroken run."""

import csv
import re
import shutil

import keras
import numpy as np
import pytest

from ulmfit_keras import data
from ulmfit_keras import models

SENTENCES = [
    "The film was a very good film, and it was very long.",
    "A great and fine film was bad!",
    "It was very poor and awful, the film.",
]
SETTINGS = {
    "passes": 2,
    "batch_size": 4,
    "bptt": 10,
    "steps_per_validation": 24,
    "steps_per_checkpoint": 9,
    "dropout_multiplier": 0.5,
    "num_sampled": 20,
}


@pytest.fixture(scope="module")
def corpus(prepare_corpus):
    return prepare_corpus(
        lambda random: " ".join(random.choice(SENTENCES, 3)),
        train=40,
        valid=10,
    )


@pytest.fixture(scope="module")
def pretrain_by(corpus, run_recipe):
    def run(output_dir, **options):
        return run_recipe(
            "pretrain_language_model",
            **{"corpus": corpus, **SETTINGS, **options},
            output_dir=output_dir,
        )

    return run


@pytest.fixture(scope="module")
def pretrain(pretrain_by):
    def run(output_dir, **options):
        return pretrain_by(
            output_dir, embedding_dim=6, hidden_dim=8, **options
        ).summary

    return run


@pytest.fixture(scope="module")
def finished(pretrain, tmp_path_factory):
    """(summary, folder) of a run."""
    folder = tmp_path_factory.mktemp("finished")
    return pretrain(folder), folder


# Of the exact softmax and of a sampled one, which has no perplexity.
@pytest.mark.parametrize(
    "options", [{"backwards": False}, {"backwards": True, "num_sampled": 5}]
)
def test_slices_give_the_model_of_one_run(tmp_path, pretrain, options):
    backwards = options["backwards"]
    options = {**options, "batch_size": 8}  # three slices a pass
    whole = pretrain(tmp_path / "whole", **options)
    assert whole["finished"]
    perplexities = []
    while True:
        summary = pretrain(tmp_path / "slices", **options, max_minutes=0)
        perplexities.append(summary["perplexity"])
        if summary["finished"]:
            break
        assert not (tmp_path / "slices" / "preset").exists()
    # Each slice is an epoch, and only every third one ends with a validation.
    assert perplexities[:2] == [None, None]
    assert perplexities[2] == perplexities[4] != perplexities[5]
    assert len(perplexities) == 6
    for name in ("language_model_log.csv", "samples.txt"):
        one, other = (
            (tmp_path / run / name).read_text() for run in ("whole", "slices")
        )
        assert one == other
    assert summary["perplexity"] == whole["perplexity"]
    first, second = (
        models.AWDLSTMCausalLM.from_preset(tmp_path / name / "preset")
        for name in ("whole", "slices")
    )
    assert second.backbone.backwards == backwards
    for a, b in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_what_a_run_leaves_behind(corpus, finished):
    summary, output_dir = finished
    assert summary["backend"] == keras.backend.backend()
    with open(output_dir / "language_model_log.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert all(float(row["perplexity"]) > 1 for row in rows)
    logged = [row["val_perplexity"] for row in rows]
    perplexities = [float(value) for value in logged if value != "NA"]
    assert perplexities[-1] < perplexities[0]
    assert logged[-1] != "NA"
    assert perplexities[-1] == pytest.approx(summary["perplexity"])
    samples = (output_dir / "samples.txt").read_text().splitlines()
    assert len(samples) == len(perplexities)
    # Two passes, not the next multiple of the steps between validations.
    steps = 2 * data.TokenStream(data.TokenShards(corpus), 4, 10).steps
    assert len(perplexities) == -(-steps // 24)
    assert steps <= summary["tokens_seen"] / 40 < steps + len(rows)
    if summary["backend"] == "tensorflow":  # then TensorBoard is there, too
        folder = output_dir / "tensorboard" / "language_model" / "validation"
        (events,) = folder.iterdir()
        assert events.read_bytes().count(b"epoch_perplexity") == len(samples)


def test_a_finished_model_goes_on_from_its_weights(
    tmp_path, finished, pretrain_by
):
    first, folder = finished
    preset = folder / "preset"
    # So low a rate keeps the weights, and the perplexity with them.
    second = pretrain_by(
        tmp_path / "second", preset=preset, learning_rate=1e-9
    ).summary
    assert second["perplexity"] == pytest.approx(first["perplexity"], rel=1e-3)
    third = pretrain_by(tmp_path / "third", preset=preset).summary
    assert third["perplexity"] < first["perplexity"]


@pytest.mark.parametrize(
    "options, message",
    [
        ({"backwards": True}, "--backwards must be given if .*reads forwards"),
        ({"hidden_dim": 9}, "A preset has its sizes.*--hidden_dim"),
        ({}, "The corpus must have the words of --preset.*--vocabulary="),
    ],
)
def test_a_preset_must_fit(tmp_path, pretrain_by, options, message):
    run = pretrain_by(tmp_path, preset="awd_lstm_small_en", **options)
    assert run.code != 0
    assert re.search(message, run.stderr)


def test_a_preset_that_cannot_be_written_costs_an_epoch_at_most(
    tmp_path, finished, pretrain, pretrain_by
):
    whole, whole_dir = finished
    output_dir = tmp_path / "slices"
    sizes = {"embedding_dim": 6, "hidden_dim": 8}
    assert not pretrain(output_dir, max_minutes=0)["finished"]
    in_the_way = output_dir / "preset"
    in_the_way.write_text("")
    assert pretrain_by(output_dir, **sizes).code != 0
    in_the_way.unlink()
    assert list((output_dir / "unfinished").glob("*.npz"))
    table = "language_model_log.csv"
    rows = (output_dir / table).read_text()
    summary = pretrain(output_dir)
    assert summary["perplexity"] == whole["perplexity"]
    # The last epoch, which lost its checkpoint, was run and logged again.
    assert (output_dir / table).read_text() == rows
    assert (whole_dir / table).read_text() == rows
    assert not (output_dir / "unfinished").exists()


def test_a_finished_run_is_told_again_and_no_other_replaces_it(
    tmp_path, finished, pretrain, pretrain_by
):
    first, folder = finished
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    weights = next((tmp_path / "preset").glob("*.h5"))
    written = weights.stat().st_mtime_ns
    assert pretrain(tmp_path, max_minutes=1) == first
    run = pretrain_by(tmp_path, embedding_dim=6, hidden_dim=9)
    _assert_message(run, "--output_dir.*--hidden_dim=9 in place of 8$")
    (tmp_path / "pretraining.json").unlink()
    _assert_message(pretrain_by(tmp_path), "must not be there yet")
    assert weights.stat().st_mtime_ns == written


def test_an_unfinished_run_goes_on_with_its_own_options_only(
    tmp_path, pretrain, pretrain_by, corpus, prepare_corpus
):
    sizes = {"embedding_dim": 6, "hidden_dim": 8}
    assert not pretrain(tmp_path, max_minutes=0)["finished"]
    run = pretrain_by(tmp_path, **sizes, steps_per_checkpoint=8)
    _assert_message(run, "--steps_per_checkpoint=8 in place of 9$")
    run = pretrain_by(tmp_path, **sizes, learning_rate=0.5, backwards=True)
    _assert_message(run, "Give the same ones.*--backwards=True in place of F")
    assert "--learning_rate=0.5 in place of 0.01" in run.stderr
    other = prepare_corpus(
        lambda random: " ".join(random.choice(SENTENCES, 3)), train=39, valid=10
    )
    run = pretrain_by(tmp_path, **sizes, corpus=other)
    _assert_message(run, "Received: --corpus_sha256=")


def test_a_run_without_its_options_does_not_go_on(tmp_path, pretrain_by):
    sizes = {"embedding_dim": 6, "hidden_dim": 8}
    assert pretrain_by(tmp_path, **sizes, max_minutes=0).code == 0
    (tmp_path / "pretraining.json").write_text('{"options": {"see')
    run = pretrain_by(tmp_path, **sizes)
    _assert_message(run, "must stand in pretraining.json.*a damaged one")


# By a loss that is no number, and by weights that are huge ones.
@pytest.mark.parametrize(
    "options",
    [
        {"learning_rate": 1e38, "clip_norm": 1e30},
        {"learning_rate": 1e30},
    ],
)
def test_training_that_diverges_leaves_no_model(tmp_path, pretrain_by, options):
    run = pretrain_by(tmp_path, **options)
    _assert_message(run, "Training diverged.*--learning_rate=1e\\+3")
    assert not (tmp_path / "preset").exists()


@pytest.mark.parametrize(
    "options, message",
    [
        ({"corpus": "missing"}, "missing must be a folder that recipes.prep"),
        ({"batch_size": 0}, "--batch_size"),
        ({"batch_size": 9999}, "tokens of one batch.*--batch_size=9999"),
        ({"passes": "nan"}, "--passes=nan.*above 0 and finite"),
        ({"passes": 0}, "--passes=0"),
        ({"max_minutes": "nan"}, "--max_minutes=nan"),
        ({"steps_per_validation": 0}, "--steps_per_validation"),
        ({"steps_per_checkpoint": 0}, "--steps_per_checkpoint"),
        ({"num_layers": 0}, "--num_layers"),
        ({"learning_rate": -1}, "--learning_rate=-1.*above 0"),
        ({"dropout_multiplier": 9}, "below 1. Received.*multiplier=9"),
    ],
)
def test_what_cannot_be_trained_is_told(
    tmp_path, pretrain_by, options, message
):
    run = pretrain_by(tmp_path, **options)
    _assert_message(run, message)
    assert "Epoch 1" not in run.stdout


def test_a_corpus_needs_a_part_to_validate_on(tmp_path, run_recipe):
    path = tmp_path / "train.txt"
    path.write_text(" ".join(SENTENCES))
    corpus = tmp_path / "corpus"
    assert run_recipe("prepare_corpus", train=path, output_dir=corpus).summary
    run = run_recipe(
        "pretrain_language_model", corpus=corpus, output_dir=tmp_path / "out"
    )
    _assert_message(run, "prepared with --valid=")


def _assert_message(run, message):
    assert run.code == 1 and "Traceback" not in run.stderr, run.stderr
    assert re.search(message, run.stderr.strip(), re.DOTALL), run.stderr
