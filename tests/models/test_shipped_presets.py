"""The presets of `saved_models` load everywhere and give what they gave."""

import keras
import numpy as np
import pytest

from ulmfit_keras import models
from ulmfit_keras.models.presets import PRESETS_DIR
from ulmfit_keras.models.presets import check_files

# By preset: a text, its ids in the order in which they are read, the first
# logits of what comes next, and the likeliest words.
GOLDEN = {
    "awd_lstm_small_en": (
        "The history of the city of London",
        [7, 8, 172, 11, 8, 96, 11, 7, 443],
        [
            -2.05340528,
            -19.02831268,
            -6.36249828,
            -19.2591095,
            -4.62323475,
            -11.99461937,
            -4.26725674,
            -0.26876783,
        ],
        ["is", "was", "in", ",", "'s"],
    ),
    "awd_lstm_small_en_bwd": (
        "of London was built in 1850 .",
        [10, 5979, 13, 356, 19, 443, 7, 11],
        [
            -2.36908388,
            -20.41417503,
            -13.18542099,
            -19.90932655,
            -13.27040863,
            -17.39583397,
            -14.74892235,
            -8.58013153,
        ],
        ["university", "city", "museum", "tower", "xxunk"],
    ),
}


@pytest.fixture(scope="module", params=GOLDEN)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def language_model(name):
    return models.AWDLSTMCausalLM.from_preset(name)


def test_a_preset_gives_its_golden_outputs(language_model, name):
    text, expected_ids, expected_logits, expected_words = GOLDEN[name]
    tokenizer = language_model.preprocessor.tokenizer
    ids = tokenizer.tokenize(text)
    if language_model.backbone.backwards:
        ids = ids[::-1]
    assert ids == expected_ids
    hidden, _, state = language_model.backbone.encode(np.array([[2, *ids]]))
    logits = keras.ops.convert_to_numpy(language_model.output_logits(hidden))
    np.testing.assert_allclose(logits[0, -1, :8], expected_logits, atol=1e-4)
    likeliest = logits[0, -1].argsort()[-5:][::-1]
    words = [tokenizer.id_to_token(int(i)) for i in likeliest]
    assert words == expected_words
    assert keras.ops.convert_to_numpy(state).shape == (1, 1536)


def test_a_small_preset_is_small(language_model, name):
    assert language_model.count_params() <= 8_000_000
    size = sum(
        path.stat().st_size
        for path in (PRESETS_DIR / name).rglob("*")
        if path.is_file()
    )
    assert size <= 20_000_000
    assert language_model.backbone.compute_dtype == "float32"
    assert language_model.backbone.backwards == name.endswith("_bwd")


def test_a_preset_is_complete(name):
    folder = PRESETS_DIR / name
    card = (folder / "README.md").read_text("utf-8")
    for field in (
        "tokens", "hardware, time", "perplexity", "bits per character",
        "python -m recipes.pretrain_language_model",
        "## Limits", "## How to cite", "CC BY-SA 3.0",
    ):  # fmt: skip
        assert field in card
    lines = (folder / "SHA256SUMS").read_text("utf-8").splitlines()
    covered = {line.split(maxsplit=1)[1].lstrip("*") for line in lines}
    files = {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert covered == files - {"SHA256SUMS"}
    check_files(folder)


def test_both_directions_have_one_vocabulary():
    forward, backward = (
        (PRESETS_DIR / name / "assets/tokenizer/vocabulary.txt").read_bytes()
        for name in GOLDEN
    )
    assert forward == backward


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
