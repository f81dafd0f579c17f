import hashlib
import json
import warnings

import h5py
import keras
import keras_hub
import numpy as np
import pytest

from ulmfit_keras import models
from ulmfit_keras.models import presets

to_numpy = keras.ops.convert_to_numpy


def test_language_model_comes_back_by_kerashubs_base_class(
    language_model, tmp_path
):
    language_model.save_to_preset(tmp_path)
    loaded = keras_hub.models.CausalLM.from_preset(str(tmp_path))
    assert isinstance(loaded, models.AWDLSTMCausalLM)
    inputs = language_model.preprocessor(["a good film", "it"])[0]
    np.testing.assert_allclose(
        to_numpy(loaded(inputs)), to_numpy(language_model(inputs)), atol=1e-6
    )
    assert loaded.preprocessor.sequence_length == 12
    words = language_model.preprocessor.tokenizer.get_vocabulary()
    tokenizer = keras_hub.tokenizers.Tokenizer.from_preset(str(tmp_path))
    assert tokenizer.get_vocabulary() == words


def test_classifier_of_a_language_model_has_its_encoder(
    language_model, tmp_path
):
    language_model.save_to_preset(tmp_path)
    classifier = models.AWDLSTMTextClassifier.from_preset(
        tmp_path, num_classes=2, labels=["no", "yes"]
    )
    for found, expected in zip(
        classifier.backbone.weights,
        language_model.backbone.weights,
        strict=True,
    ):
        np.testing.assert_array_equal(to_numpy(found), to_numpy(expected))
    assert classifier.predict(["good"]).shape == (1, 2)
    assert classifier.preprocessor.sequence_length == 4000


def test_trained_classifier_comes_back_whole(classifier, texts, tmp_path):
    classifier.fit(texts, np.arange(len(texts)) % 3, verbose=0)
    classifier.save_to_preset(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        loaded = keras_hub.models.TextClassifier.from_preset(str(tmp_path))
    np.testing.assert_allclose(
        loaded.predict(texts), classifier.predict(texts), atol=1e-6
    )
    assert loaded.labels == ["bad", "fair", "good"]
    config = json.loads((tmp_path / "task.json").read_text())["config"]
    assert config["num_classes"] == 3
    with h5py.File(tmp_path / "task.weights.h5") as file:
        assert "optimizer" not in file


def test_how_a_model_was_compiled_stays_out_of_its_preset(classifier, tmp_path):
    classifier.compile(keras.optimizers.SGD(0.5))
    classifier.save_to_preset(tmp_path)
    loaded = models.AWDLSTMTextClassifier.from_preset(tmp_path)
    assert isinstance(loaded.optimizer, keras.optimizers.Adam)
    assert float(loaded.optimizer.learning_rate) == pytest.approx(0.001)
    assert isinstance(classifier.optimizer, keras.optimizers.SGD)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_presets_trained_in_mixed_precision_load_in_any(
    policy, language_model, tmp_path
):
    config = language_model.backbone.get_config()
    mixed = models.AWDLSTMCausalLM(
        models.AWDLSTMBackbone.from_config({**config, "dtype": policy}),
        language_model.preprocessor,
    )
    mixed.set_weights(language_model.get_weights())
    mixed.save_to_preset(tmp_path)
    for cls in (models.AWDLSTMCausalLM, keras_hub.models.CausalLM):
        loaded = cls.from_preset(str(tmp_path))
        assert loaded.backbone.dtype_policy.name == "float32"
        for a, b in zip(
            loaded.get_weights(), language_model.get_weights(), strict=True
        ):
            np.testing.assert_array_equal(a, b)
    again = models.AWDLSTMTextClassifier.from_preset(
        tmp_path, num_classes=2, dtype=policy
    )
    assert again.backbone.dtype_policy.name == policy


def test_a_changed_file_is_noticed(classifier, tmp_path):
    classifier.save_to_preset(tmp_path)
    weights = tmp_path / "model.weights.h5"
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)
    with pytest.raises(ValueError, match=r"model\.weights\.h5 must have"):
        models.AWDLSTMTextClassifier.from_preset(tmp_path)
    weights.unlink()
    with pytest.raises(ValueError, match="Received: no file"):
        models.AWDLSTMBackbone.from_preset(tmp_path)


@pytest.fixture
def preset(tmp_path):
    """A folder with a file, and the checksum of that file."""
    (tmp_path / "a b.json").write_bytes(b"{}")
    return tmp_path, hashlib.sha256(b"{}").hexdigest()


@pytest.mark.parametrize("mark", [" ", "*"])
def test_checksums_are_those_of_sha256sum(preset, mark):
    folder, checksum = preset
    sums = folder / "SHA256SUMS"
    sums.write_text(f"{checksum} {mark}a b.json\n\n")
    presets.check_files(folder)
    sums.write_text(f"{checksum[::-1]} {mark}a b.json\n")
    with pytest.raises(ValueError, match=rf"a b\.json .*Received: {checksum}"):
        presets.check_files(folder)


@pytest.mark.parametrize(
    "line", [b"a b.json", b"12  a b.json", b"\xff\xfe", b"%s", b"%s\ta b.json"]
)
def test_malformed_checksums_are_told(preset, line):
    folder, checksum = preset
    known = checksum.encode()
    (folder / "SHA256SUMS").write_bytes(
        known + b"  a b.json\n" + line.replace(b"%s", known) + b"\n"
    )
    with pytest.raises(ValueError, match="Line 2 of .*SHA256SUMS must be"):
        presets.check_files(folder)


@pytest.mark.parametrize("content", ["", "\n"])
def test_empty_checksums_are_told(preset, content):
    folder, _ = preset
    (folder / "SHA256SUMS").write_text(content)
    with pytest.raises(ValueError, match="SHA256SUMS must name the files"):
        presets.check_files(folder)


def test_names_are_folders_of_saved_models(
    language_model, tmp_path, monkeypatch
):
    language_model.save_to_preset(tmp_path / "tiny_en")
    monkeypatch.setattr(presets, "PRESETS_DIR", tmp_path)
    loaded = models.AWDLSTMCausalLM.from_preset("tiny_en")
    assert loaded.backbone.vocabulary_size == 22
    with pytest.raises(ValueError, match=r"\['tiny_en'\].*'huge_en'"):
        models.AWDLSTMCausalLM.from_preset("huge_en")
    assert presets.find_preset("hf://user/name") == "hf://user/name"
