"""`.keras` files: with optimizer, across backends, and without TensorFlow."""

import os
import subprocess
import sys

import keras
import keras_hub
import numpy as np
import pytest

OTHER_BACKEND = {"tensorflow": "jax", "jax": "torch", "torch": "tensorflow"}


def run_python(code, backend, *arguments):
    environment = {**os.environ, "KERAS_BACKEND": backend}
    subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env=environment,
        check=True,
    )


def test_training_goes_on_after_loading(classifier, texts, tmp_path):
    targets = np.arange(len(texts)) % 3
    classifier.backbone.set_dropout(multiplier=0.0)
    classifier.compile(keras.optimizers.Adam(0.02, beta_1=0.6))
    classifier.fit(texts, targets, verbose=0)
    classifier.save(tmp_path / "trained.keras")
    loaded = keras.saving.load_model(tmp_path / "trained.keras")
    assert loaded.optimizer.beta_1 == 0.6
    assert int(loaded.optimizer.iterations) == 1
    assert loaded.labels == classifier.labels
    for found, expected in zip(
        loaded.optimizer.variables, classifier.optimizer.variables, strict=True
    ):
        np.testing.assert_allclose(
            np.asarray(found), np.asarray(expected), atol=1e-7
        )
    np.testing.assert_allclose(
        loaded.predict(texts), classifier.predict(texts), atol=1e-6
    )
    history = loaded.fit(texts, targets, verbose=0)
    assert np.isfinite(history.history["loss"][0])
    assert int(loaded.optimizer.iterations) == 2


def test_untrained_model_keeps_how_it_was_compiled(classifier, tmp_path):
    classifier.compile(keras.optimizers.SGD(0.5))
    classifier.save(tmp_path / "new.keras")
    loaded = keras.saving.load_model(tmp_path / "new.keras")
    assert isinstance(loaded.optimizer, keras.optimizers.SGD)


@pytest.mark.parametrize("task", ["language_model", "classifier"])
def test_keras_clones_it(task, request):
    model = request.getfixturevalue(task)
    model.compile(keras.optimizers.SGD(0.5))
    # Else the language model's output weights are a copy of its word vectors.
    clone = keras.models.clone_model(model, recursive=True)
    clone.set_weights(model.get_weights())
    assert clone.optimizer.learning_rate == 0.5
    inputs = {
        "token_ids": np.array([[2, 9, 10]]),
        "padding_mask": np.ones((1, 3), "int32"),
    }
    np.testing.assert_array_equal(
        clone.predict(inputs, verbose=0), model.predict(inputs, verbose=0)
    )


def test_files_of_before_are_compiled(language_model):
    """They name what Keras does not know beside the optimizer, not in it."""
    language_model.compile(sampler=keras_hub.samplers.TopPSampler(p=0.3))
    config = language_model.get_compile_config()
    (beyond,) = set(config["optimizer"]) - {
        "module",
        "class_name",
        "config",
        "registered_name",
    }
    config |= config["optimizer"].pop(beyond)
    language_model.compile(sampler="greedy")
    language_model.compile_from_config(config)
    assert language_model.sampler.p == 0.3


def test_language_model_keeps_its_sampler(language_model, tmp_path):
    language_model.compile(sampler=keras_hub.samplers.TopPSampler(p=0.3))
    language_model.save(tmp_path / "lm.keras")
    loaded = keras.saving.load_model(tmp_path / "lm.keras")
    assert isinstance(loaded.sampler, keras_hub.samplers.TopPSampler)
    assert loaded.sampler.p == 0.3
    loaded.compile(sampler="greedy")
    language_model.compile(sampler="greedy")
    prompt = ["it is", "a"]
    assert loaded.generate(prompt) == language_model.generate(prompt)


def test_files_load_on_another_backend(classifier, texts, tmp_path):
    other = OTHER_BACKEND[keras.backend.backend()]
    pytest.importorskip(other)
    classifier.save(tmp_path / "model.keras")
    classifier.save_to_preset(tmp_path / "preset")
    code = """
import sys
import keras, numpy
from ulmfit_keras import models
folder, *texts = sys.argv[1:]
loaded = keras.saving.load_model(folder + "/model.keras")
preset = models.AWDLSTMTextClassifier.from_preset(folder + "/preset")
outputs = [loaded.predict(texts), preset.predict(texts)]
numpy.save(folder + "/outputs.npy", outputs)
"""
    run_python(code, other, tmp_path, *texts)
    for outputs in np.load(tmp_path / "outputs.npy"):
        np.testing.assert_allclose(
            outputs, classifier.predict(texts), atol=1e-5
        )


def test_all_stages_run_without_tensorflow(tokenizer, tmp_path):
    backend = keras.backend.backend()
    if backend == "tensorflow":
        pytest.skip("needs another backend")
    tokenizer.vocabulary.save(tmp_path / "words.txt")
    code = """
import sys
sys.modules["tensorflow"] = None
sys.modules["tensorflow_text"] = None
sys.modules["grain"] = None
import keras
from ulmfit_keras import models, text
folder = sys.argv[1]
words = text.Vocabulary.load(folder + "/words.txt").tokens
language_model = models.AWDLSTMCausalLM(
    models.AWDLSTMBackbone(len(words), 6, 8, 1),
    models.AWDLSTMCausalLMPreprocessor(
        text.WordTokenizer(list(words)), sequence_length=8
    ),
)
language_model.fit(["a good film", "bad"], verbose=0)
language_model.generate("a", max_length=5)
language_model.save_to_preset(folder + "/preset")
classifier = models.AWDLSTMTextClassifier.from_preset(
    folder + "/preset", num_classes=2
)
classifier.fit(["a good film", "bad"], [1, 0], verbose=0)
expected = classifier.predict(["good"])
classifier.save(folder + "/model.keras")
loaded = keras.saving.load_model(folder + "/model.keras")
assert abs(loaded.predict(["good"]) - expected).max() < 1e-6
"""
    run_python(code, backend, tmp_path)
