"""Language models, read from and written to the files of others."""

import pickle
import sys

import keras
import numpy as np
import pytest
from keras import ops

from ulmfit_keras import models
from ulmfit_keras import text
from ulmfit_keras.convert import CheckpointError
from ulmfit_keras.convert import read_itos
from ulmfit_keras.convert import read_language_model
from ulmfit_keras.convert import read_state_dict
from ulmfit_keras.convert import write_fastai

WINDOWS = [slice(0, 5), slice(5, 6), slice(6, 12)]


def windowed_logits(language_model, ids):
    """Logits of ids (B, 12), read in three windows, the state carried."""
    logits, state = [], None
    for window in WINDOWS:
        hidden, _, state = language_model.backbone.encode(
            ids[:, window], state, training=False
        )
        logits.append(
            ops.convert_to_numpy(language_model.output_logits(hidden))
        )
    return np.concatenate(logits, axis=1)


@pytest.fixture
def ids(formats):
    random = np.random.default_rng(1)
    return random.integers(0, len(formats.TOKENS), (3, 12)).astype("int32")


def test_logits_are_those_of_the_reference(files, formats, ids):
    language_model = read_language_model(files[0])
    assert language_model.preprocessor is None
    expected = formats.reference_logits(formats.language_model_weights(), ids)
    assert np.ptp(expected) > 1
    found = windowed_logits(language_model, ids)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_rows_follow_the_tokens(files, formats, ids):
    language_model = read_language_model(*files)
    vocabulary = language_model.preprocessor.tokenizer.vocabulary
    assert vocabulary.tokens[:8] == text.SPECIAL_TOKENS
    fillers = iter(("xxfake.1", "xxfake.2"))
    ours = [
        vocabulary.index(
            next(fillers) if token == "xxfake" else token.replace("\n", "␊")
        )
        for token in formats.TOKENS
    ]
    assert sorted(ours) == list(range(len(formats.TOKENS)))
    expected = formats.reference_logits(formats.language_model_weights(), ids)
    found = windowed_logits(language_model, np.array(ours, "int32")[ids])
    np.testing.assert_allclose(found[:, :, ours], expected, atol=1e-5)


def test_reading_needs_no_torch(files, formats, monkeypatch):
    if keras.backend.backend() != "torch":
        monkeypatch.setitem(sys.modules, "torch", None)
    language_model = read_language_model(*files, backwards=True)
    assert language_model.backbone.backwards
    assert not read_language_model(*files).backbone.backwards
    rates = models.DROPOUT_RATES["fastai_language_model"]
    assert language_model.backbone.dropout_rates == rates


def test_a_text_can_be_continued_and_a_preset_saved(files, tmp_path, ids):
    language_model = read_language_model(*files)
    language_model.compile(sampler="greedy")
    generated = language_model.generate("the film", max_length=6)
    assert generated.startswith("the film")
    language_model.save_to_preset(tmp_path / "preset")
    again = models.AWDLSTMCausalLM.from_preset(str(tmp_path / "preset"))
    np.testing.assert_allclose(
        windowed_logits(again, ids), windowed_logits(language_model, ids)
    )


def test_one_layer_and_awd_lstm_lm(tmp_path, formats):
    weights = formats.language_model_weights(num_layers=1, vocabulary_size=3)
    arrays = {
        "encoder.weight": weights["0.encoder.weight"],
        "rnns.0.module.weight_ih_l0": weights["0.rnns.0.module.weight_ih_l0"],
        "rnns.0.module.bias_ih_l0": weights["0.rnns.0.module.bias_ih_l0"],
        "rnns.0.module.bias_hh_l0": weights["0.rnns.0.module.bias_hh_l0"],
        "rnns.0.module.weight_hh_l0_raw": weights["0.rnns.0.weight_hh_l0_raw"],
        "decoder.weight": weights["0.encoder.weight"],
        "decoder.bias": weights["1.decoder.bias"],
    }
    path = formats.write_weights(tmp_path / "wt2.pt", arrays, legacy=True)
    words = ["the", "<eos>", "<unk>"]
    language_model = read_language_model(path, words)
    tokenizer = language_model.preprocessor.tokenizer
    ours = [tokenizer.token_to_id(t) for t in ("the", "xxbos", "xxunk")]
    ids = np.int32([[0, 1, 2, 0]])
    expected = formats.reference_logits(weights, ids)
    hidden, _, _ = language_model.backbone.encode(np.int32(ours)[ids])
    logits = ops.convert_to_numpy(language_model.output_logits(hidden))
    np.testing.assert_allclose(logits[:, :, ours], expected, atol=1e-5)
    # The special tokens that awd-lstm-lm does not know: mean rows.
    embeddings = ops.convert_to_numpy(language_model.output_embeddings)
    np.testing.assert_allclose(
        embeddings[tokenizer.token_to_id("xxmaj")],
        weights["0.encoder.weight"].mean(axis=0),
        atol=1e-6,
    )


def test_vocabulary_must_fit_the_weights(files, formats):
    for tokens in (formats.TOKENS[:-1], [*formats.TOKENS, "more"]):
        with pytest.raises(CheckpointError, match=f"Received: {len(tokens)}"):
            read_language_model(files[0], tokens)


def test_heads_of_classifiers_are_refused(tmp_path, formats):
    weights = formats.language_model_weights()
    weights["1.layers.0.0.weight"] = np.ones(12, np.float32)
    path = formats.write_weights(tmp_path / "w.pth", weights)
    with pytest.raises(CheckpointError, match="read_text_classifier.*0.0.wei"):
        read_language_model(path)


def test_fastai_files_come_back_as_they_were(files, formats, tmp_path):
    torch = pytest.importorskip("torch")
    weights_path, itos_path = tmp_path / "back.pth", tmp_path / "back.pkl"
    language_model = read_language_model(*files)
    write_fastai(language_model, weights_path, itos_path)
    assert pickle.loads(itos_path.read_bytes()) == formats.TOKENS
    original = formats.language_model_weights()
    for written in (
        torch.load(weights_path, weights_only=True),
        read_state_dict(weights_path),
    ):
        assert list(written) == list(original)
        for name, array in original.items():
            if "bias_hh" in name:
                continue
            if "bias_ih" in name:
                array = array + original[name.replace("ih", "hh")]
            np.testing.assert_array_equal(np.asarray(written[name]), array)


def test_own_models_are_written_for_torch(tmp_path):
    torch = pytest.importorskip("torch")
    words = [*text.SPECIAL_TOKENS, "a", "b", "c"]
    language_model = models.AWDLSTMCausalLM(
        models.AWDLSTMBackbone(len(words), 4, 6, 2),
        models.AWDLSTMCausalLMPreprocessor(text.WordTokenizer(words)),
    )
    random = np.random.default_rng(0)
    for variable in language_model.weights:
        variable.assign(random.normal(0, 0.7, variable.shape))
    paths = tmp_path / "own.pth", tmp_path / "own.pkl"
    write_fastai(language_model, *paths)
    tokens = read_itos(paths[1])
    assert sorted(tokens) == sorted(words)
    state = torch.load(paths[0], weights_only=True)
    embedding = torch.nn.Embedding.from_pretrained(state["0.encoder.weight"])
    decoder = torch.nn.Linear(4, len(words))
    decoder.load_state_dict(
        {
            "weight": state["1.decoder.weight"],
            "bias": state["1.decoder.bias"],
        }
    )
    tokenizer = language_model.preprocessor.tokenizer
    ours = np.int32([tokenizer.token_to_id(token) for token in tokens])
    ids = random.integers(0, len(words), (3, 12))
    with torch.no_grad():
        x = embedding(torch.from_numpy(ids))
        for i, (size, units) in enumerate([(4, 6), (6, 4)]):
            lstm = torch.nn.LSTM(size, units, batch_first=True)
            prefix = f"0.rnns.{i}."
            lstm.load_state_dict(
                {
                    name.removeprefix(prefix)
                    .removeprefix("module.")
                    .removesuffix("_raw"): tensor
                    for name, tensor in state.items()
                    if name.startswith(prefix)
                }
            )
            x, _ = lstm(x)
        expected = decoder(x).numpy()
    found = windowed_logits(language_model, ours[ids])
    np.testing.assert_allclose(found[:, :, ours], expected, atol=1e-5)


@pytest.mark.filterwarnings("ignore:Layer .* does not have:UserWarning")
def test_writing_says_what_it_needs(files, tmp_path, monkeypatch):
    paths = tmp_path / "w.pth", tmp_path / "w.pkl"
    language_model = read_language_model(files[0])
    if keras.backend.backend() != "torch":
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, "torch", None)
            with pytest.raises(ImportError, match="pip install torch"):
                write_fastai(language_model, *paths)
    pytest.importorskip("torch")
    with pytest.raises(ValueError, match="must have a preprocessor"):
        write_fastai(language_model, *paths)
    language_model = read_language_model(*files)
    language_model.quantize("int8")
    with pytest.raises(ValueError, match="A quantized model.*Received: "):
        write_fastai(language_model, *paths)
    assert not any(path.exists() for path in paths)
