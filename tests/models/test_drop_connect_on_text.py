"""DropConnect reaches the recurrent weights inside `fit`, on WikiText-2.

A mask that never reaches them leaves every shape and every other test of
training as it is, so the loss of a model that needs its recurrent weights,
the shipped one, is watched.
"""

import lzma

import keras
import numpy as np
import pytest

from ulmfit_keras import data
from ulmfit_keras import models
from ulmfit_keras import text


@pytest.mark.data
def test_drop_connect_is_active_inside_fit(data_dir):
    path = data_dir / "wikitext-2" / "train.txt.xz"
    with lzma.open(path, "rt", encoding="utf-8") as file:
        passage = file.read(3_000)
    language_model = models.AWDLSTMCausalLM.from_preset("awd_lstm_small_en")
    backbone = language_model.backbone
    tokenizer = language_model.preprocessor.tokenizer
    stream = data.TokenStream(text.encode_texts(tokenizer, [passage])[0], 8, 35)
    trainer = models.StreamLanguageModel(
        language_model, batch_size=8, alpha=0.0, beta=0.0
    )

    def losses(weight_drop):
        rates = dict.fromkeys(backbone.dropout_rates, 0.0)
        backbone.set_dropout({**rates, "weight_drop": weight_drop})
        # Nothing is learnt at a learning rate of 0; only masks can differ.
        trainer.compile(keras.optimizers.SGD(0.0))
        return trainer.fit(stream, epochs=3, verbose=0).history["loss"]

    without, dropped = losses(0.0), losses(0.8)
    assert np.ptp(without) < 1e-5
    assert min(dropped) > without[0] + 0.1
    assert np.ptp(dropped) > 1e-3  # other masks each time
