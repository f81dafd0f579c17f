"""The presets of `saved_models` load everywhere and give what they gave."""

import keras
import numpy as np
import pytest

from ulmfit_keras import models
from ulmfit_keras.models.presets import PRESETS_DIR
from ulmfit_keras.models.presets import check_files


@pytest.fixture(scope="module")
def language_model():
    return models.AWDLSTMCausalLM.from_preset("awd_lstm_small_en")


def test_small_preset_gives_its_golden_outputs(language_model):
    tokenizer = language_model.preprocessor.tokenizer
    ids = tokenizer.tokenize("The history of the city of London")
    assert ids == [7, 8, 172, 11, 8, 96, 11, 7, 443]
    hidden, _, state = language_model.backbone.encode(np.array([[2, *ids]]))
    logits = keras.ops.convert_to_numpy(language_model.output_logits(hidden))
    np.testing.assert_allclose(
        logits[0, -1, :8],
        [
            -2.3215766,
            -18.86377335,
            -5.88591862,
            -19.12407684,
            -5.87364578,
            -12.21731186,
            -4.12507868,
            -0.31394768,
        ],
        atol=1e-4,
    )
    likeliest = logits[0, -1].argsort()[-5:][::-1]
    words = [tokenizer.id_to_token(int(i)) for i in likeliest]
    assert words == ["was", "is", ",", "in", "has"]
    assert keras.ops.convert_to_numpy(state).shape == (1, 1536)


def test_small_preset_is_small(language_model):
    assert language_model.count_params() <= 8_000_000
    folder = PRESETS_DIR / "awd_lstm_small_en"
    size = sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())
    assert size <= 20_000_000
    assert language_model.backbone.compute_dtype == "float32"


def test_float16_weights_load_as_float32(language_model, tmp_path):
    language_model.save_to_preset(tmp_path)
    before = sum(p.stat().st_size for p in tmp_path.rglob("*.h5"))
    models.store_as_float16(tmp_path)
    check_files(tmp_path)
    assert sum(p.stat().st_size for p in tmp_path.rglob("*.h5")) < 0.6 * before
    loaded = models.AWDLSTMCausalLM.from_preset(tmp_path)
    for kept, weight in zip(
        language_model.get_weights(), loaded.get_weights(), strict=True
    ):
        assert weight.dtype == np.float32
        # What came from float16 goes through it unchanged.
        np.testing.assert_array_equal(kept, weight)
