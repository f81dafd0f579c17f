"""Fast ways to train that must not get lost, as ratios in one process."""

import keras
import numpy as np

from ulmfit_keras import data
from ulmfit_keras import models
from ulmfit_keras.ops import lstm_reference
from ulmfit_keras.ops.lstm import backend_module


def make_step(words, units, **options):
    """A function that trains a language model on one batch."""
    backbone = models.AWDLSTMBackbone(words, units, units, num_layers=1)
    trainer = models.StreamLanguageModel(
        models.AWDLSTMCausalLM(backbone), batch_size=16, **options
    )
    trainer.compile(keras.optimizers.SGD(0.01))
    ids = np.random.default_rng(0).integers(words, size=16 * 20 + 1)
    x, y = data.TokenStream(ids, batch_size=16, bptt=20)[0]
    return lambda: trainer.train_on_batch(x, y)


def test_the_lstm_is_faster_than_its_plain_reference(monkeypatch, speed_ratio):
    own, plain = make_step(50, 256), make_step(50, 256)
    backend = backend_module()

    def in_plain_loops():
        with monkeypatch.context() as patched:
            patched.setattr(
                backend,
                "lstm",
                lambda *arguments: lstm_reference.lstm(*arguments[:-1]),
            )
            plain()

    # Measured beside other programs: 1.8 on JAX, 1.9 on the others.
    assert speed_ratio(in_plain_loops, own, wanted=1.2) > 1.2


def test_a_sampled_softmax_is_faster_than_the_exact_one(speed_ratio):
    exact = make_step(20_000, 64)
    sampled = make_step(20_000, 64, num_sampled=100)
    # Measured beside other programs: 6 to 15.
    assert speed_ratio(exact, sampled, wanted=2) > 2
