"""Tiny models with weights far from their starting values."""

import time

import keras
import numpy as np
import pytest

from ulmfit_keras import models
from ulmfit_keras import text

WORDS = "a good bad film it was is the very and , . ! not".split()


def scramble(model, seed=0):
    """Give every weight a random value, so that all outputs differ."""
    random = np.random.default_rng(seed)
    for variable in model.weights:
        values = random.normal(0.0, 0.5, variable.shape)
        if "variance" in variable.path:
            values = np.abs(values) + 0.5
        variable.assign(values.astype("float32"))
    return model


@pytest.fixture
def speed_ratio():
    """A function: how many times as fast as another a way is.

    The least seconds of each count, since other tests run at the same time.
    They take turns until the ratio that is wanted is seen, or 60 times.
    """

    def timed(way):
        started = time.perf_counter()
        way()
        return time.perf_counter() - started

    def measure(slow, fast, wanted):
        # The first two compile.
        slow(), fast(), slow(), fast()
        least = np.full(2, np.inf)
        for turn in range(60):
            least = np.minimum(least, [timed(slow), timed(fast)])
            if turn >= 4 and least[0] > wanted * least[1]:
                break
        return least[0] / least[1]

    return measure


@pytest.fixture
def tokenizer():
    return text.WordTokenizer([*text.SPECIAL_TOKENS, *WORDS])


@pytest.fixture
def texts():
    return [
        "the film was very good !",
        "",
        "it was not good , it was bad . very very bad",
        "Good",
        "unknown words only",
        "a film and a film",
        "it is",
    ]


@pytest.fixture
def make_backbone(tokenizer):
    def make(seed=0, **kwargs):
        backbone = models.AWDLSTMBackbone(
            tokenizer.vocabulary_size(), 6, 8, 2, **kwargs
        )
        return scramble(backbone, seed)

    return make


@pytest.fixture
def language_model(make_backbone, tokenizer):
    preprocessor = models.AWDLSTMCausalLMPreprocessor(
        tokenizer, sequence_length=12
    )
    return scramble(models.AWDLSTMCausalLM(make_backbone(), preprocessor))


@pytest.fixture
def make_classifier(make_backbone, tokenizer):
    def make(seed=0, backwards=False, **kwargs):
        config = {"num_classes": 3, "head_dim": 5, **kwargs}
        classifier = models.AWDLSTMTextClassifier(
            make_backbone(backwards=backwards),
            preprocessor=models.AWDLSTMTextClassifierPreprocessor(
                tokenizer.copy()
            ),
            **config,
        )
        return scramble(classifier, seed)

    return make


@pytest.fixture
def classifier(make_classifier):
    return make_classifier(labels=["bad", "fair", "good"])


@pytest.fixture
def stateless_loss():
    """A loss as a function of the trainable weights, for `gradients_of`."""

    def make(model, inputs, loss_of_outputs):
        fixed = [keras.ops.copy(v.value) for v in model.non_trainable_variables]

        def loss(*weights):
            outputs, _ = model.stateless_call(list(weights), fixed, inputs)
            # Connects all weights, so that each has a gradient.
            return loss_of_outputs(outputs) + sum(
                keras.ops.sum(weight * 0) for weight in weights
            )

        return loss

    return make
