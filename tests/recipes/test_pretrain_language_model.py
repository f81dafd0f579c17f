"""Pretraining in slices of time gives the model of one unbroken run."""

import csv
import re

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
            corpus=corpus,
            output_dir=output_dir,
            passes=2,
            batch_size=4,
            bptt=10,
            steps_per_validation=20,
            dropout_multiplier=0.5,
            num_sampled=20,
            **options,
        )

    return run


@pytest.fixture(scope="module")
def pretrain(pretrain_by):
    def run(output_dir, **options):
        return pretrain_by(
            output_dir, embedding_dim=6, hidden_dim=8, **options
        ).summary

    return run


@pytest.mark.parametrize("backwards", [False, True])
def test_slices_give_the_model_of_one_run(tmp_path, pretrain, backwards):
    whole = pretrain(tmp_path / "whole", backwards=backwards)
    assert whole["finished"]
    slices = 0
    while True:
        summary = pretrain(
            tmp_path / "slices", backwards=backwards, max_minutes=0
        )
        slices += 1
        if summary["finished"]:
            break
        assert not (tmp_path / "slices" / "preset").exists()
    assert slices > 2
    assert summary["perplexity"] == whole["perplexity"]
    first, second = (
        models.AWDLSTMCausalLM.from_preset(tmp_path / name / "preset")
        for name in ("whole", "slices")
    )
    assert second.backbone.backwards == backwards
    for a, b in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_what_a_run_leaves_behind(tmp_path, corpus, pretrain):
    summary = pretrain(tmp_path)
    assert summary["backend"] == keras.backend.backend()
    with open(tmp_path / "language_model_log.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    perplexities = [float(row["val_perplexity"]) for row in rows]
    assert perplexities[-1] < perplexities[0]
    assert perplexities[-1] == pytest.approx(summary["perplexity"])
    samples = (tmp_path / "samples.txt").read_text().splitlines()
    assert len(samples) == len(rows)
    # Two passes, not the next multiple of the steps between validations.
    steps = 2 * data.TokenStream(data.TokenShards(corpus), 4, 10).steps
    assert len(rows) == -(-steps // 20)
    assert steps <= summary["tokens_seen"] / 40 < steps + len(rows)


def test_a_finished_model_goes_on_from_its_weights(
    tmp_path, pretrain, pretrain_by
):
    first = pretrain(tmp_path / "first")
    preset = tmp_path / "first" / "preset"
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
        ({"backwards": True}, "--backwards must be given if .*=False"),
        ({"hidden_dim": 9}, "A preset has its sizes.*--hidden_dim"),
        ({}, "The corpus must have the words of --preset.*--vocabulary="),
    ],
)
def test_a_preset_must_fit(tmp_path, pretrain_by, options, message):
    run = pretrain_by(tmp_path, preset="awd_lstm_small_en", **options)
    assert run.code != 0
    assert re.search(message, run.stderr)
