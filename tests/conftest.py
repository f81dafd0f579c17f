"""Shared by all tests: fixed seeds, and where the public corpora lie."""

import os
import pathlib

# What XLA compiled for JAX is kept, for the other process and the next run:
# nothing else takes as long there. Before JAX is imported, which reads it.
os.environ.setdefault(
    "JAX_COMPILATION_CACHE_DIR",
    str(pathlib.Path(__file__).parents[1] / ".pytest_cache" / "jax"),
)
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
# Nor as long for code that runs faster, of programs as small as these. (Level 0
# gives NaN for convolutions.)
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=1")
# Torch's threads: where other programs want the processors, too, they wait
# for each other a hundred times as long as they compute in models so small.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import keras
import numpy as np
import pytest
from hypothesis import settings
from keras import ops

from ulmfit_keras import models
from ulmfit_keras import text

# The same examples each time: what passed once does not fail somewhere else.
# `pytest --hypothesis-profile=default` looks for new ones.
settings.register_profile("same_examples", derandomize=True)
settings.load_profile("same_examples")


@pytest.fixture(autouse=True)
def fixed_seed():
    keras.utils.set_random_seed(0)


@pytest.fixture(scope="session")
def data_dir():
    """The folder of public corpora, or a skip where there is none."""
    folder = pathlib.Path(os.environ.get("ULMFIT_DATA_DIR", "missing"))
    if not folder.is_dir():
        pytest.skip("set ULMFIT_DATA_DIR to the folder of public corpora")
    return folder


@pytest.fixture
def random_language_model():
    """random_language_model(words, backwards=False): with random weights."""

    def make(words, backwards=False):
        tokenizer = text.WordTokenizer([*text.SPECIAL_TOKENS, *words])
        language_model = models.AWDLSTMCausalLM(
            models.AWDLSTMBackbone(
                tokenizer.vocabulary_size(), 4, 6, 2, backwards=backwards
            ),
            models.AWDLSTMCausalLMPreprocessor(tokenizer),
        )
        random = np.random.default_rng(0)
        for weight in language_model.weights:
            weight.assign(random.normal(size=weight.shape))
        return language_model

    return make


@pytest.fixture
def gradients_of():
    """gradients_of(loss, arrays): float32 NumPy gradients, by the backend."""
    return backend_gradients


def backend_gradients(loss, arrays, compiled=False):
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        def run(*tensors):
            with tf.GradientTape() as tape:
                tape.watch(tensors)
                value = loss(*tensors)
            return tape.gradient(value, tensors)

        if compiled:
            run = tf.function(run, jit_compile=True, autograph=False)
        gradients = run(*map(tf.constant, arrays))
    elif backend == "jax":
        import jax

        run = jax.grad(loss, argnums=range(len(arrays)))
        gradients = (jax.jit(run) if compiled else run)(*arrays)
    else:
        import torch

        leaves = [torch.tensor(array, requires_grad=True) for array in arrays]
        gradients = torch.autograd.grad(loss(*leaves), leaves)
    return [ops.convert_to_numpy(ops.cast(g, "float32")) for g in gradients]
