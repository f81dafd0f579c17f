"""fastai pretrains on a prepared corpus, in a real run of seconds."""

import importlib.util
import itertools

import keras
import numpy as np
import pytest

from ulmfit_keras import models
from ulmfit_keras.data import TokenShards

SENTENCE = "the film was good . the film was bad , very bad . "


@pytest.mark.skipif(
    importlib.util.find_spec("fastai") is None, reason="fastai is an extra"
)
def test_its_model_becomes_one_of_ours(prepare_corpus, run_recipe, tmp_path):
    corpus = prepare_corpus(lambda random: SENTENCE * 9, train=2000, valid=2)
    summary = run_recipe(
        "pretrain_with_fastai",
        corpus=corpus,
        minutes=0.2,
        embedding_dim=8,
        hidden_dim=8,
        batch_size=16,
        bptt=10,
        output_dir=tmp_path,
    ).summary
    assert summary["tokens_seen"] > 40
    assert {"fastai", "torch", "seconds", "parameters"} <= set(summary)
    preset = tmp_path / "preset"
    language_model = models.AWDLSTMCausalLM.from_preset(preset)
    shards = TokenShards(corpus)
    assert list(language_model.preprocessor.tokenizer.get_vocabulary()) == list(
        shards.vocabulary.tokens
    )
    ids = np.asarray(shards[:100])[None]
    logits = language_model.predict(
        {"token_ids": ids, "padding_mask": np.ones_like(ids)}, verbose=0
    )
    losses = keras.losses.sparse_categorical_crossentropy(
        ids[:, 1:], logits[:, :-1], from_logits=True
    )
    assert np.mean(losses) < np.log(len(shards.vocabulary)) - 0.2


def test_pieces_of_words_show_before_training(run_recipe, tmp_path):
    words = "the film was good bad very great poor and awful song"
    (tmp_path / "text.txt").write_text(
        "\n".join(map(" ".join, itertools.product(words.split(), repeat=3)))
    )
    corpus = tmp_path / "corpus"
    prepared = run_recipe(
        "prepare_corpus",
        train=tmp_path / "text.txt",
        tokenizer="sentencepiece",
        vocabulary_size=60,
        output_dir=corpus,
    )
    assert prepared.code == 0, prepared.stderr
    python = tmp_path / "python"  # of an environment that has fastai
    python.write_text(
        """#!/bin/sh\necho '{"fastai": "9.1", "torch": "9.2"}'\n"""
    )
    python.chmod(0o755)
    run = run_recipe(
        "pretrain_with_fastai",
        corpus=corpus,
        fastai_python=python,
        output_dir=tmp_path / "out",
    )
    assert run.code == 1 and "Traceback" not in run.stderr
    assert "of SentencePieceTokenizer" in run.stderr
