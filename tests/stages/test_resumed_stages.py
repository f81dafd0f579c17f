"""Stages that were broken off go on as if they had not been."""

import keras
import numpy as np
import pytest

import ulmfit_keras as ulmfit
from ulmfit_keras import models
from ulmfit_keras import text
from ulmfit_keras.callbacks import ResumableTraining

WORDS = "good fine bad poor the film was not".split()
TOKENIZER = text.WordTokenizer([*text.SPECIAL_TOKENS, *WORDS])
RANDOM = np.random.default_rng(0)
LENGTHS = RANDOM.integers(2, 16, 60)
# What is learned about the first is wrong for the others, so that the best
# weights are early ones.
TEXTS = [" ".join(RANDOM.choice(WORDS[:4], n)) for n in LENGTHS]
OTHERS = [" ".join(RANDOM.choice(WORDS[4:], n)) for n in LENGTHS]
LABELS = ["pos" if "good" in text else "neg" for text in TEXTS]
WRONG = ["neg" if "good" in text else "pos" for text in TEXTS]


class Crash(keras.callbacks.Callback):
    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            raise KeyboardInterrupt


def language_model():
    keras.utils.set_random_seed(0)
    return models.AWDLSTMCausalLM(
        models.AWDLSTMBackbone(TOKENIZER.vocabulary_size(), 6, 8, 2),
        models.AWDLSTMCausalLMPreprocessor(TOKENIZER),
    )


def stage_2(callbacks):
    model = language_model()
    ulmfit.finetune_language_model(
        model,
        TEXTS,
        validation_texts=OTHERS,
        transfer_vocabulary=False,
        epochs=4,
        learning_rate=0.01,
        batch_size=4,
        bptt=9,
        patience=9,
        dropout_multiplier=0.0,
        callbacks=callbacks,
        verbose=0,
    )
    return model.get_weights()


def stage_3(callbacks):
    classifier = ulmfit.train_classifier(
        language_model(),
        TEXTS,
        LABELS,
        validation_data=(TEXTS, WRONG),
        epochs=4,
        learning_rate=0.01,
        batch_size=8,
        unfreezing="all",
        patience=9,
        dropout_multiplier=0.0,
        callbacks=callbacks,
        verbose=0,
    )
    return classifier.get_weights()


@pytest.mark.parametrize("stage", [stage_2, stage_3])
def test_best_weights_and_order_survive(tmp_path, stage):
    losses = []
    watch = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: losses.append(logs["val_loss"])
    )
    expected = stage([watch, ResumableTraining(tmp_path / "unbroken")])
    best = int(np.argmin(losses))
    assert best < len(losses) - 1, losses  # or nothing has to be restored
    with pytest.raises(KeyboardInterrupt):
        stage([ResumableTraining(tmp_path / "a"), Crash(best + 1)])
    losses.clear()
    found = stage(one for one in [watch, ResumableTraining(tmp_path / "a")])
    assert len(losses) == 3 - best
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
