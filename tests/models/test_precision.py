"""Dtype policies and quantization."""

import keras
import keras_hub
import numpy as np
import pytest

from ulmfit_keras import data
from ulmfit_keras import models

to_numpy = keras.ops.convert_to_numpy


def copy_at(classifier, policy):
    """The classifier at another dtype policy."""
    config = classifier.get_config()
    config["backbone"]["config"]["dtype"] = policy
    config["preprocessor"] = classifier.preprocessor
    copy = models.AWDLSTMTextClassifier.from_config(config)
    copy.set_weights(classifier.get_weights())
    return copy


@pytest.mark.parametrize(
    "policy", ["mixed_bfloat16", "mixed_float16", "bfloat16"]
)
def test_half_precision_is_close_to_full(classifier, texts, policy):
    expected = classifier.predict(texts)
    copy = copy_at(classifier, policy)
    found = copy.predict(texts)
    assert found.dtype == np.float32
    assert copy.backbone.compute_dtype in policy
    np.testing.assert_allclose(found, expected, atol=0.05)
    if policy.startswith("mixed"):
        assert {v.dtype for v in copy.trainable_variables} == {"float32"}


def test_mixed_precision_trains(classifier, texts):
    copy = copy_at(classifier, "mixed_bfloat16")
    history = copy.fit(texts, np.arange(len(texts)) % 3, verbose=0)
    assert np.isfinite(history.history["loss"][0])


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_trainers_have_the_precision_of_the_backbone(policy):
    """Keras' global policy is float32 here."""
    backbone = models.AWDLSTMBackbone(30, 4, 6, num_layers=1, dtype=policy)
    trainer = models.StreamLanguageModel(models.AWDLSTMCausalLM(backbone), 2)
    classifier = models.AWDLSTMTextClassifier(backbone, num_classes=2)
    logits_model = classifier.logits_model(alpha=2.0)
    for model in (trainer, logits_model):
        model.compile("adam", "mse")
        scales = isinstance(
            model.optimizer, keras.optimizers.LossScaleOptimizer
        )
        assert scales == (policy == "mixed_float16")
    stream = data.TokenStream(np.arange(41) % 30, batch_size=2, bptt=5)
    hidden = trainer(stream[0][0])
    assert keras.backend.standardize_dtype(hidden.dtype) in policy
    history = trainer.fit(stream, verbose=0)
    assert np.isfinite(history.history["loss"][0])


# Keras transposes a one-dimensional scale in a way that torch dislikes.
@pytest.mark.filterwarnings("ignore:.*The use of `x.T`:UserWarning")
def test_int8_language_model_generates_and_comes_back(language_model, tmp_path):
    inputs = language_model.preprocessor(["a good film", "it"])[0]
    expected = to_numpy(keras.ops.softmax(language_model(inputs)))
    language_model.quantize("int8")
    embedding = language_model.backbone.token_embedding
    assert embedding.quantization_mode == "int8"
    found = to_numpy(keras.ops.softmax(language_model(inputs)))
    np.testing.assert_allclose(found, expected, atol=0.05)
    assert np.abs(found - expected).max() > 0
    language_model.compile(sampler="greedy")
    generated = language_model.generate("a good", max_length=8)
    language_model.save_to_preset(tmp_path)
    loaded = keras_hub.models.CausalLM.from_preset(str(tmp_path))
    loaded.compile(sampler="greedy")
    assert loaded.generate("a good", max_length=8) == generated
    np.testing.assert_allclose(
        to_numpy(loaded(inputs)), to_numpy(language_model(inputs)), atol=1e-6
    )


def test_modes_that_word_vectors_lack_are_refused(classifier):
    with pytest.raises(ValueError, match="'int4'.*Received: mode='float8'"):
        classifier.quantize("float8")


@pytest.mark.filterwarnings("ignore:.*The use of `x.T`:UserWarning")
def test_int8_classifier_is_close_and_comes_back(classifier, texts, tmp_path):
    expected = classifier.predict(texts)
    classifier.quantize("int8")
    found = classifier.predict(texts)
    np.testing.assert_allclose(found, expected, atol=0.05)
    assert np.abs(found - expected).max() > 0
    classifier.save(tmp_path / "model.keras")
    classifier.save_to_preset(tmp_path / "preset")
    for loaded in (
        keras.saving.load_model(tmp_path / "model.keras"),
        models.AWDLSTMTextClassifier.from_preset(str(tmp_path / "preset")),
    ):
        mode = loaded.backbone.token_embedding.quantization_mode
        assert mode == "int8"
        np.testing.assert_allclose(loaded.predict(texts), found, atol=1e-6)
