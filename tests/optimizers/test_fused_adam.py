"""One kernel for each variable, the same steps as on paper."""

import keras
import numpy as np
import pytest
from keras import ops

from ulmfit_keras.optimizers import DiscriminativeOptimizer
from ulmfit_keras.optimizers import FusedAdam
from ulmfit_keras.optimizers.keras_hooks import adam_averages

SETTINGS = {
    "plain": {},
    "other moments": {"beta_1": 0.7, "beta_2": 0.99, "epsilon": 1e-3},
    "decay": {"weight_decay": 0.1},
    "clipped": {"global_clipnorm": 0.5},
    "amsgrad": {"amsgrad": True},
}


def steps_by_hand(weights, gradients, rate, settings):
    """Algorithm 1 of Kingma and Ba, and its companions, in NumPy."""
    defaults = {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}
    beta_1, beta_2, epsilon = (settings.get(k, v) for k, v in defaults.items())
    m = v = largest = np.zeros_like(weights)
    for t, gradient in enumerate(gradients, 1):
        norm = np.linalg.norm(gradient)
        clip = settings.get("global_clipnorm", np.inf)
        gradient = gradient * min(1, clip / norm)
        weights = weights * (1 - rate * settings.get("weight_decay", 0))
        m = beta_1 * m + (1 - beta_1) * gradient
        v = beta_2 * v + (1 - beta_2) * gradient**2
        largest = np.maximum(largest, v)
        size = np.sqrt(largest if settings.get("amsgrad") else v)
        scale = np.sqrt(1 - beta_2**t) / (1 - beta_1**t)
        weights = weights - rate * scale * m / (size + epsilon)
    return weights


@pytest.mark.parametrize("name", SETTINGS)
def test_steps_are_those_of_the_paper(name):
    draw = np.random.default_rng(0)
    weights = draw.normal(size=(3, 4))
    gradients = (
        draw.normal(size=(6, 3, 4)) * np.geomspace(3, 0.1, 6)[:, None, None]
    )
    variable = keras.Variable(weights, dtype="float32")
    optimizer = FusedAdam(0.05, **SETTINGS[name])
    for gradient in gradients:
        optimizer.apply([ops.array(gradient, "float32")], [variable])
    expected = steps_by_hand(weights, gradients, 0.05, SETTINGS[name])
    np.testing.assert_allclose(
        ops.convert_to_numpy(variable), expected, rtol=2e-5, atol=2e-6
    )


def test_torch_steps_all_variables_at_once():
    adam = keras.optimizers.Adam()
    assert isinstance(FusedAdam(), type(adam))
    parallel = hasattr(adam, "_parallel_update_step")
    assert parallel == (keras.backend.backend() == "torch")


def embedding_model(optimizer, jit_compile=False):
    model = keras.Sequential([keras.Input((3,), dtype="int32")])
    model.add(keras.layers.Embedding(5, 2, name="words"))
    model.add(keras.layers.GlobalAveragePooling1D())
    model.layers[0].set_weights([np.arange(10).reshape(5, 2) / 10])
    model.compile(optimizer, "mse", jit_compile=jit_compile)
    return model


def embedding_gradient(words):
    """Of the mean squared error of the averaged word vectors and zero."""
    table = np.arange(10).reshape(5, 2) / 10
    gradient = np.zeros_like(table)
    for word in words:
        gradient[word] += table[words].mean(axis=0) / len(words)
    return gradient


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("clip", [None, 0.1])
def test_rows_of_a_word_are_added_before_they_are_squared(
    jit_compile, wrapped, clip
):
    if jit_compile and keras.backend.backend() == "torch":
        pytest.skip("Keras cannot compile this on torch.")
    words = np.array([1, 1, 4])
    optimizer = FusedAdam(0.01, global_clipnorm=clip)
    if wrapped:
        optimizer = DiscriminativeOptimizer(optimizer, [("words", "words/")])
    model = embedding_model(optimizer, jit_compile)
    model.train_on_batch(words[None], np.zeros((1, 2)))
    gradient = embedding_gradient(words)
    norm = np.linalg.norm(gradient)
    assert norm > 0.1
    gradient *= min(1, (clip or np.inf) / norm)
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    averages = adam_averages(inner, model.layers[0].trainable_variables[0])
    expected = 0.1 * gradient, 0.001 * gradient**2
    for average, value in zip(averages, expected, strict=True):
        np.testing.assert_allclose(
            ops.convert_to_numpy(average), value, rtol=1e-4, atol=1e-9
        )


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_variables_of_half_precision(dtype):
    variable = keras.Variable(np.ones(4), dtype=dtype)
    # 0.999 is 1 in bfloat16.
    optimizer = FusedAdam(0.25, beta_1=0.5, beta_2=0.75, epsilon=1e-3)
    optimizer.apply([ops.ones(4, dtype)], [variable])
    values = ops.convert_to_numpy(ops.cast(variable, "float32"))
    np.testing.assert_allclose(values, 0.75, rtol=0.02)


def test_what_is_loaded_goes_on_where_it_was(tmp_path):
    path = tmp_path / "model.keras"
    batch = np.array([[1, 1, 4], [0, 2, 2]]), np.ones((2, 2))
    model = embedding_model(FusedAdam(0.1, beta_1=0.7))
    model.fit(*batch, verbose=0)
    model.save(path)
    loaded = keras.saving.load_model(path)
    assert isinstance(loaded.optimizer, FusedAdam)
    for each in (model, loaded):
        each.fit(*batch, verbose=0)
    np.testing.assert_array_equal(
        model.get_weights()[0], loaded.get_weights()[0]
    )
