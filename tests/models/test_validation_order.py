"""Losses of one model on one text are equal, whenever they are measured."""

import keras
import numpy as np

from ulmfit_keras import data
from ulmfit_keras import models


def test_documents_are_validated_in_the_same_order_every_epoch(language_model):
    random = np.random.default_rng(0)
    documents = [random.integers(3, 20, size) for size in (30, 40, 50, 60)]
    language_model.backbone.set_dropout(multiplier=0.0)
    trainer = models.StreamLanguageModel(language_model, batch_size=2)
    trainer.compile(keras.optimizers.SGD(0.0))
    valid = data.TokenStream(documents, batch_size=2, bptt=10)
    losses = trainer.fit(
        data.TokenStream(documents, batch_size=2, bptt=10, epochs=4),
        epochs=4,
        validation_data=valid,
        verbose=0,
    ).history
    assert losses["val_loss"] == losses["val_loss"][:1] * 4
    # While training does change the order.
    assert len(set(losses["loss"])) > 1
    first = trainer.evaluate(valid, verbose=0)
    assert trainer.evaluate(valid, verbose=0) == first
    assert first[0] == losses["val_loss"][0]
