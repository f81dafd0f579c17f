"""Two replicas of TensorFlow learn and report what one does."""

import os
import subprocess
import sys

import keras
import pytest

# In a process of its own, since TensorFlow must not have looked at its devices
# before.
CODE = """
import contextlib

import keras
import numpy as np
import tensorflow as tf

tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0],
    [tf.config.LogicalDeviceConfiguration()] * 2,
)

from ulmfit_keras import data
from ulmfit_keras import models

strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
ids = np.random.default_rng(0).integers(9, 30, 200).astype("int32")
rates = [
    "output_dropout",
    "hidden_dropout",
    "input_dropout",
    "embedding_dropout",
    "weight_drop",
]


def make_backbone():
    keras.utils.set_random_seed(0)
    return models.AWDLSTMBackbone(30, 6, 8, 2, **dict.fromkeys(rates, 0.0))


def train_language_model(replicas):
    trainer = models.StreamLanguageModel(
        models.AWDLSTMCausalLM(make_backbone()), 4 // replicas
    )
    trainer.compile(keras.optimizers.SGD(0.5), jit_compile=False)
    return trainer


def losses_of(trainer):
    stream = data.TokenStream([ids], 4, 10, False)
    history = trainer.fit(
        stream, epochs=2, validation_data=stream, verbose=0
    ).history
    return [history[name] for name in ("loss", "val_loss", "val_perplexity")]


alone = losses_of(train_language_model(1))
with strategy.scope():
    trainer = train_language_model(2)
np.testing.assert_allclose(losses_of(trainer), alone, rtol=1e-4)

x = {
    "token_ids": ids[:32].reshape(8, 4),
    "padding_mask": np.ones((8, 4), "int32"),
}
y = np.arange(8) % 2


def classifier_loss(make_trainer):
    with strategy.scope():
        classifier = models.AWDLSTMTextClassifier(
            make_backbone(), 2, pooling_dropout=0.0, head_dropout=0.0
        )
        trainer = make_trainer(classifier)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        trainer.compile(keras.optimizers.SGD(0.0), loss, jit_compile=False)
    return trainer.fit(x, y, batch_size=8, verbose=0).history["loss"]


np.testing.assert_allclose(
    classifier_loss(models.AdversarialTraining),
    classifier_loss(models.AWDLSTMTextClassifier.logits_model),
    rtol=1e-5,
)
"""


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="only TensorFlow has them"
)
def test_replicas_share_a_batch():
    environment = {**os.environ, "KERAS_BACKEND": "tensorflow"}
    subprocess.run(
        [sys.executable, "-c", CODE], env=environment, check=True, timeout=600
    )
