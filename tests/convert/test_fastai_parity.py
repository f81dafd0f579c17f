"""Equal outputs with fastai itself, in both directions."""

import pickle
import warnings

import numpy as np
import pytest
from keras import ops

from ulmfit_keras import models
from ulmfit_keras import text
from ulmfit_keras.convert import read_language_model
from ulmfit_keras.convert import read_text_classifier
from ulmfit_keras.convert import write_fastai

pytestmark = pytest.mark.filterwarnings("ignore")

torch = pytest.importorskip("torch")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    fastai = pytest.importorskip("fastai.text.all")

WINDOWS = (slice(0, 70), slice(70, 71), slice(71, 100), slice(100, 170))
TOLERANCE = 1e-5
WORDS = [f"word{i}" for i in range(500)]
SPECIAL = "xxunk xxpad xxbos xxeos xxfld xxrep xxwrep xxup xxmaj".split()
TOKENS = [*SPECIAL, *WORDS, "\n", "xxfake", "xxfake"]
SIZES = {"emb_sz": 100, "n_hid": 160, "n_layers": 3}


@pytest.fixture
def ids():
    random = np.random.default_rng(0)
    # Without the fillers, of which fastai's load_pretrained makes one.
    return random.integers(0, len(TOKENS) - 2, (4, 170)).astype("int32")


def scrambled(model):
    """A model of fastai whose outputs differ much from word to word."""
    torch.manual_seed(0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            scale = 0.1 if "rnns" in name else 0.4
            parameter.copy_(torch.randn_like(parameter) * scale)
    return model.eval()


def language_model(**config):
    config = {**fastai.awd_lstm_lm_config, **SIZES, **config}
    return scrambled(
        fastai.get_language_model(fastai.AWD_LSTM, len(TOKENS), config)
    )


def fastai_logits(model, ids):
    """Logits of all windows, one after the other, the state carried."""
    model.reset()
    with torch.no_grad():
        return np.concatenate(
            [
                model(torch.from_numpy(ids[:, window]).long())[0].numpy()
                for window in WINDOWS
            ],
            axis=1,
        )


def our_logits(model, ids):
    logits, state = [], None
    for window in WINDOWS:
        hidden, _, state = model.backbone.encode(
            ids[:, window], state, training=False
        )
        logits.append(ops.convert_to_numpy(model.output_logits(hidden)))
    return np.concatenate(logits, axis=1)


def check(found, expected, record_property):
    difference = float(np.abs(found - expected).max())
    record_property("largest_difference", difference)
    record_property("largest_value", float(np.abs(expected).max()))
    print(f"{difference:.2e} of values up to {np.abs(expected).max():.2f}")
    assert np.ptp(expected) > 1
    assert difference < TOLERANCE


def ids_of(model, tokens):
    """Our ids of the tokens of fastai, by their names."""
    fillers = iter(range(1, len(tokens)))
    tokenizer = model.preprocessor.tokenizer
    ours = [
        tokenizer.token_to_id(
            f"xxfake.{next(fillers)}"
            if token == "xxfake"
            else token.replace("\n", "␊")
        )
        for token in tokens
    ]
    assert len(set(ours)) == len(tokens)
    return np.int32(ours)


def write_itos(path, tokens):
    path.write_bytes(pickle.dumps(fastai.L(tokens)))
    return path


@pytest.mark.parametrize("config", [{}, {"out_bias": False}, {"n_layers": 1}])
@pytest.mark.parametrize("zipped", [True, False])
def test_language_models_from_fastai(
    tmp_path, ids, config, zipped, record_property
):
    theirs = language_model(**config)
    path = tmp_path / "lm.pth"
    torch.save(
        theirs.state_dict(),
        path,
        pickle_protocol=2,
        _use_new_zipfile_serialization=zipped,
    )
    ours = read_language_model(path, write_itos(tmp_path / "itos.pkl", TOKENS))
    places = ids_of(ours, TOKENS)
    found = our_logits(ours, places[ids])[:, :, places]
    check(found, fastai_logits(theirs, ids), record_property)


def make_learner(tmp_path, tokens, backwards=False):
    """A language model learner of fastai with given tokens."""
    random = np.random.default_rng(0)
    texts = [" ".join(random.choice(WORDS, 50)) for _ in range(20)]
    dls = fastai.TextDataLoaders.from_df(
        fastai.pd.DataFrame({"text": texts}),
        text_col="text",
        text_vocab=tokens,
        is_lm=True,
        backwards=backwards,
        valid_pct=0.2,
        n_workers=0,
        num_workers=0,
        bs=4,
        seq_len=10,
    )
    assert dls.vocab == tokens
    return fastai.language_model_learner(
        dls,
        fastai.AWD_LSTM,
        config={**fastai.awd_lstm_lm_config, **SIZES},
        pretrained=False,
        path=tmp_path,
    )


@pytest.mark.parametrize("backwards", [False, True])
def test_a_trained_learner_comes_over_and_back(
    tmp_path, ids, backwards, record_property
):
    learner = make_learner(tmp_path, TOKENS, backwards)
    with learner.no_bar(), learner.no_logging():
        learner.fit_one_cycle(1, 1e-2)
    scrambled(learner.model)
    path = learner.save("trained")  # with the optimizer's state
    itos = write_itos(tmp_path / "itos.pkl", TOKENS)
    ours = read_language_model(path, itos, backwards=backwards)
    expected = fastai_logits(learner.model, ids)
    places = ids_of(ours, TOKENS)
    found = our_logits(ours, places[ids])[:, :, places]
    check(found, expected, record_property)

    back = tmp_path / "models" / "back.pth", tmp_path / "back_itos.pkl"
    write_fastai(ours, *back)
    assert fastai.load_pickle(back[1]) == TOKENS
    state = torch.load(back[0], weights_only=True)
    for load in (
        lambda: learner.load("back"),
        lambda: learner.load_pretrained(*back),
        lambda: learner.model.load_state_dict(state, strict=True),
    ):
        with torch.no_grad():
            for parameter in learner.model.parameters():
                parameter.zero_()
        load()
        found = fastai_logits(learner.model.eval(), ids)
        check(found[..., :-2], expected[..., :-2], record_property)


def test_own_models_in_fastai(tmp_path, ids, record_property):
    words = [*text.SPECIAL_TOKENS, *WORDS]
    ours = models.AWDLSTMCausalLM(
        models.AWDLSTMBackbone(len(words), 100, 160, 3),
        models.AWDLSTMCausalLMPreprocessor(text.WordTokenizer(words)),
    )
    random = np.random.default_rng(0)
    for variable in ours.weights:
        scale = 0.1 if "lstm" in variable.path else 0.4
        variable.assign(random.normal(0, scale, variable.shape))
    paths = tmp_path / "own.pth", tmp_path / "own_itos.pkl"
    write_fastai(ours, *paths)
    # A vocabulary of fastai's own, with a word more and in another order.
    tokens = [*SPECIAL, "new", *reversed(WORDS)]
    learner = make_learner(tmp_path, tokens)
    learner.load_pretrained(*paths)
    shared = [i for i, token in enumerate(tokens) if token in words]
    ids = np.array(shared)[ids % len(shared)].astype("int32")
    tokenizer = ours.preprocessor.tokenizer
    places = np.int32([tokenizer.token_to_id(token) for token in tokens])
    expected = fastai_logits(learner.model.eval(), ids)
    found = our_logits(ours, places[ids])[:, :, places]
    check(found[:, :, shared], expected[:, :, shared], record_property)


@pytest.mark.parametrize("length", [50, 200])
def test_classifiers_from_fastai(tmp_path, ids, length, record_property):
    config = {**fastai.awd_lstm_clas_config, **SIZES}
    theirs = fastai.get_text_classifier(
        fastai.AWD_LSTM, len(TOKENS), 4, config=config
    )
    scrambled(theirs)
    with torch.no_grad():
        for name, buffer in theirs.named_buffers():
            if "running" in name:
                buffer.copy_(torch.rand_like(buffer) + 0.5)
    path = tmp_path / "clas.pth"
    torch.save(theirs.state_dict(), path)
    itos = write_itos(tmp_path / "itos.pkl", TOKENS)
    ours = read_text_classifier(path, itos, labels=list("abcd"))
    ids = np.resize(ids, (4, length))
    ids[ids == SPECIAL.index("xxpad")] = SPECIAL.index("xxbos")
    places = ids_of(ours, TOKENS)
    found = ours.logits_model().predict(
        {
            "token_ids": places[ids],
            "padding_mask": np.ones_like(ids),
        },
        verbose=0,
    )
    with torch.no_grad():
        expected = theirs(torch.from_numpy(ids).long())[0].numpy()
    check(found, expected, record_property)
