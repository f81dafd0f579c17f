"""What an exception inside stage three leaves behind."""

import keras
import pytest

import ulmfit_keras as ulmfit
from ulmfit_keras import models
from ulmfit_keras import text


class Interrupting(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        assert self.model.optimizer.frozen
        raise KeyboardInterrupt


def test_nothing_stays_frozen_in_a_model_that_a_callback_holds():
    tokenizer = text.WordTokenizer([*text.SPECIAL_TOKENS, "good", "bad"])
    language_model = models.AWDLSTMCausalLM(
        models.AWDLSTMBackbone(tokenizer.vocabulary_size(), 3, 4, 2),
        models.AWDLSTMCausalLMPreprocessor(tokenizer),
    )
    interrupting = Interrupting()
    with pytest.raises(KeyboardInterrupt):
        ulmfit.train_classifier(
            language_model,
            ["good", "bad"] * 4,
            ["pos", "neg"] * 4,
            callbacks=[interrupting],
            verbose=0,
        )
    trainer = interrupting.model
    assert not trainer.optimizer.frozen
    if keras.backend.backend() == "torch":
        assert all(v.value.requires_grad for v in trainer.trainable_variables)
