"""Both tokenizers: Python and graph agree, and what they save comes back."""

import pathlib
import sys

import hypothesis
import keras
import keras_hub
import numpy as np
import pytest
from hypothesis import strategies as st

from ulmfit_keras.text.sentence_piece_tokenizer import SentencePieceTokenizer
from ulmfit_keras.text.vocabulary import Vocabulary
from ulmfit_keras.text.word_splitting import SPECIAL_TOKENS
from ulmfit_keras.text.word_splitting import split_words
from ulmfit_keras.text.word_tokenizer import WordTokenizer

WORDS = [*SPECIAL_TOKENS, "good", "film", "3", "!", "'t", "日", "é", "a"]


@pytest.fixture(scope="module", params=["words", "pieces"])
def tokenizer(request):
    if request.param == "words":
        return WordTokenizer(WORDS)
    return SentencePieceTokenizer(request.getfixturevalue("piece_model"))


@pytest.fixture(scope="module")
def in_graph(tokenizer):
    """The tokenizer's path in a `tf.function`, from and to Python lists."""
    tf = pytest.importorskip("tensorflow")
    if isinstance(tokenizer, SentencePieceTokenizer):
        pytest.importorskip("tensorflow_text")
    function = tf.function(
        tokenizer, input_signature=[tf.TensorSpec([None], tf.string)]
    )
    return lambda texts: function(
        tf.constant(texts, tf.string, [len(texts)])
    ).to_list()


def test_hard_texts(tokenizer, in_graph, hard_texts):
    for text, found, expected in zip(
        hard_texts,
        in_graph(hard_texts),
        tokenizer.tokenize(hard_texts),
        strict=True,
    ):
        assert found == expected, text[:200]


@hypothesis.settings(deadline=None, max_examples=50)
@hypothesis.given(st.lists(st.text() | st.binary()))
def test_any_texts(tokenizer, in_graph, texts):
    encoded = [
        text if isinstance(text, bytes) else text.encode() for text in texts
    ]
    assert in_graph(encoded) == tokenizer.tokenize(texts)


def test_traced_function_outlives_a_new_seed(tokenizer, in_graph):
    before = in_graph([b"Good film"])
    keras.utils.set_random_seed(1)
    import tensorflow as tf

    tf.random.set_seed(1)  # clears the caches under any backend
    assert in_graph([b"Good film"]) == before


def test_single_text_in_a_graph(tokenizer, in_graph):
    import tensorflow as tf

    text = "Good film!!!"
    ids = tf.function(tokenizer)(tf.constant(text))
    assert ids.dtype == tf.int32
    assert ids.numpy().tolist() == tokenizer.tokenize(text)
    with pytest.raises(ValueError, match=r"Received: shape \(1, 1\)"):
        tf.function(tokenizer)(tf.constant([[text]]))


def test_tf_data(tokenizer, in_graph):
    import tensorflow as tf

    texts = ["Good film", "", "日本語 xxbos"]
    batches = tf.data.Dataset.from_tensor_slices(texts).batch(2).map(tokenizer)
    ids = [row for batch in batches for row in batch.to_list()]
    assert ids == tokenizer.tokenize(texts)


def test_forms_of_input(tokenizer):
    texts = ["Good film", "a\x00b"]
    expected = tokenizer.tokenize(texts)
    assert [tokenizer.tokenize(text) for text in texts] == expected
    assert tokenizer(texts) == expected
    assert tokenizer(tuple(texts)) == expected
    assert tokenizer(np.array(texts)) == expected
    assert tokenizer(np.array(texts, object)) == expected
    assert tokenizer([text.encode() for text in texts]) == expected
    assert tokenizer(np.array("Good film")) == expected[0]
    assert tokenizer("Good film") == expected[0]
    assert tokenizer([]) == []
    assert tokenizer("") == []
    assert tokenizer(["\ud800"]) == [[]]


def test_eager_tensors(tokenizer):
    tf = pytest.importorskip("tensorflow")
    texts = ["Good film", "a"]
    assert tokenizer(tf.constant(texts)) == tokenizer(texts)
    assert tokenizer(tf.constant("Good film")) == tokenizer("Good film")


@pytest.mark.parametrize("inputs", [[None], [["nested"]], [1.0]])
def test_what_is_not_a_text(tokenizer, inputs):
    with pytest.raises(TypeError, match="Received: "):
        tokenizer.tokenize(inputs)


def test_special_tokens(tokenizer):
    assert tokenizer.start_token_id == 2
    assert tokenizer.end_token_id == 2
    assert tokenizer.pad_token_id == 1
    assert tokenizer.unk_token_id == 0
    assert set(tokenizer.special_token_ids) == {0, 1, 2}
    assert tokenizer.get_vocabulary()[:8] == list(SPECIAL_TOKENS)


@pytest.mark.parametrize("text", ["xxbos", "a xxup b", "axxrep 3 b", "XXPAD"])
def test_no_text_spells_a_mark(tokenizer, text):
    marks = set(range(1, len(SPECIAL_TOKENS)))
    assert not marks & set(tokenizer.tokenize(text))


def test_one_split_token_for_each_id(tokenizer):
    text = "Sooo GOOD, isn't it xxbos 日本 ☃?"
    ids, tokens = tokenizer.tokenize(text), tokenizer.split(text)
    assert len(ids) == len(tokens)
    for token, i in zip(tokens, ids, strict=True):
        assert i in (tokenizer.token_to_id(token), tokenizer.unk_token_id)


def test_vocabulary(tokenizer):
    tokens = tokenizer.get_vocabulary()
    assert tokenizer.vocabulary_size() == len(tokens)
    assert [tokenizer.token_to_id(t) for t in tokens] == list(
        range(len(tokens))
    )
    assert tokenizer.id_to_token(4) == "xxrep"
    assert tokenizer.token_to_id("no such token") == tokenizer.unk_token_id
    assert tokenizer.vocabulary == Vocabulary(tokens)
    with pytest.raises(ValueError, match="Received: -1"):
        tokenizer.id_to_token(-1)


def test_detokenize(tokenizer):
    text = "Good film!!! A film"
    expected = "Good film!!! a film"
    ids = tokenizer.tokenize(text)
    assert tokenizer.detokenize(ids) == expected
    assert tokenizer.detokenize(np.array(ids)) == expected
    assert tokenizer.detokenize([ids, []]) == [expected, ""]
    assert tokenizer.detokenize(np.array([ids, ids])) == [expected] * 2
    assert tokenizer.detokenize(keras.ops.array(ids)) == expected
    assert tokenizer.detokenize([2, *ids, 1, 1]) == expected
    assert tokenizer.detokenize([]) == ""
    with pytest.raises(ValueError, match=r"Received: \[-1, 100000\]"):
        tokenizer.detokenize([2, -1, 100_000])


class _OnGPU:
    """As a tensor of torch that needs gradients, on a GPU."""

    def __init__(self, ids, missing=("detach", "cpu")):
        self.ids, self.missing = ids, missing

    def detach(self):
        return _OnGPU(self.ids, [m for m in self.missing if m != "detach"])

    def cpu(self):
        return _OnGPU(self.ids, [m for m in self.missing if m != "cpu"])

    def __array__(self, dtype=None, copy=None):
        if self.missing:
            raise TypeError(f"can't convert to numpy before {self.missing}")
        return np.array(self.ids, dtype)


def test_detokenize_a_tensor_on_a_gpu(tokenizer):
    ids = tokenizer.tokenize("good film")
    assert tokenizer.detokenize(_OnGPU(ids)) == "good film"
    assert tokenizer.detokenize(_OnGPU([ids, ids])) == ["good film"] * 2


def test_assets_hold_the_vocabulary(tokenizer, tmp_path):
    tokenizer.save_assets(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == tokenizer.file_assets
    other = type(tokenizer).from_config(tokenizer.get_config())
    with pytest.raises(ValueError, match="no vocabulary yet"):
        other.tokenize("a")
    other.load_assets(tmp_path)
    assert other.vocabulary == tokenizer.vocabulary
    assert other.start_token_id == 2
    assert other("Good film") == tokenizer("Good film")


def test_copy(tokenizer):
    copy = tokenizer.copy()
    assert copy is not tokenizer
    assert copy.vocabulary == tokenizer.vocabulary
    assert copy("Good film") == tokenizer("Good film")


def test_preset(tokenizer, tmp_path):
    from ulmfit_keras.models.awd_lstm_backbone import AWDLSTMBackbone

    size = tokenizer.vocabulary_size()
    AWDLSTMBackbone(size, 4, 4, num_layers=1).save_to_preset(str(tmp_path))
    tokenizer.save_to_preset(str(tmp_path))
    for base in (type(tokenizer), keras_hub.tokenizers.Tokenizer):
        loaded = base.from_preset(str(tmp_path))
        assert type(loaded) is type(tokenizer)
        assert loaded.vocabulary == tokenizer.vocabulary


def test_saved_model(tokenizer, in_graph, hard_texts, tmp_path):
    import tensorflow as tf

    module = tf.Module()
    module.tokenizer = tokenizer.graph()
    module.serve = tf.function(
        lambda texts: module.tokenizer(texts).to_tensor(-1),
        input_signature=[tf.TensorSpec([None], tf.string)],
    )
    tf.saved_model.save(module, str(tmp_path))
    # Long texts would make a wide dense answer.
    texts = [text for text in hard_texts if len(text) < 500]
    answer = tf.saved_model.load(str(tmp_path)).serve(tf.constant(texts))
    found = [[i for i in row if i >= 0] for row in answer.numpy().tolist()]
    assert found == tokenizer.tokenize(texts)
    saved = (tmp_path / "saved_model.pb").stat().st_size
    model = getattr(tokenizer.encoder, "proto", b"")
    assert saved < 2 * len(model) + 1_000_000


def test_words():
    tokenizer = WordTokenizer(WORDS)
    assert tokenizer("Good FILM!!! what") == [7, 8, 6, 9, 4, 10, 11, 0]


def test_new_vocabulary_is_used_in_python_and_graph():
    tf = pytest.importorskip("tensorflow")
    tokenizer = WordTokenizer(WORDS)
    graph = tf.function(lambda texts: tokenizer(texts))
    assert graph(tf.constant(["film"])).to_list() == [[9]]
    tokenizer.set_vocabulary([*SPECIAL_TOKENS, "film"])
    assert tokenizer("film") == [8]
    graph = tf.function(lambda texts: tokenizer(texts))
    assert graph(tf.constant(["film"])).to_list() == [[8]]


@pytest.mark.parametrize("missing", ["xxpad", "xxbos"])
def test_words_need_special_tokens(missing):
    with pytest.raises(ValueError, match=missing):
        WordTokenizer([word for word in WORDS if word != missing])


def test_pieces_join_to_words(piece_model):
    tokenizer = SentencePieceTokenizer(piece_model)
    text = "The inspected function returns Привет"
    tokens = tokenizer.split(text)
    assert len(tokens) > len(split_words(text))  # some word is cut
    plain = [token for token in tokens if token not in SPECIAL_TOKENS]
    assert "".join(plain).replace("▁", " ").strip() == text.lower()


def test_ideographs_stay_together_for_the_pieces_to_cut(piece_model):
    tokens = SentencePieceTokenizer(piece_model).split("日本の言葉です。")
    beginnings = [token for token in tokens if token.startswith("▁")]
    assert len(beginnings) == 2  # of the words and of the full stop


def test_pieces_from_a_file(piece_model, tmp_path):
    path = tmp_path / "model.spm"
    path.write_bytes(piece_model)
    tokenizer = SentencePieceTokenizer(path)
    assert tokenizer.vocabulary.tokens[0] == "xxunk"


def test_pieces_ignore_a_path_in_a_config(piece_model, tmp_path):
    path = tmp_path / "model.spm"
    path.write_bytes(piece_model)
    config = SentencePieceTokenizer(piece_model).get_config()
    tokenizer = SentencePieceTokenizer.from_config(
        {**config, "proto": str(path)}
    )
    with pytest.raises(ValueError, match="no vocabulary yet"):
        tokenizer.tokenize("a")


def test_pieces_need_a_model_with_marks(tmp_path):
    sentencepiece = pytest.importorskip("sentencepiece")
    prefix = str(tmp_path / "other")
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["a b c d"] * 9),
        model_prefix=prefix,
        vocab_size=30,
        hard_vocab_limit=False,
        user_defined_symbols=list(SPECIAL_TOKENS[1:]),  # a text spells them
        unk_piece="xxunk",
        minloglevel=2,
    )
    with pytest.raises(ValueError, match="train_sentencepiece"):
        SentencePieceTokenizer(pathlib.Path(f"{prefix}.model"))


def test_training_pieces_twice_gives_the_same(piece_model):
    from ulmfit_keras.text.sentence_piece_training import train_sentencepiece

    texts = ["one two three four", "日本語", b"\xff"] * 20
    first, second = (train_sentencepiece(texts, 60) for _ in range(2))
    assert first == second
    with pytest.raises(ValueError, match="Received: vocabulary_size=5 "):
        train_sentencepiece(texts, 5)
    with pytest.raises(ValueError, match="`texts` must hold text"):
        train_sentencepiece([])
    with pytest.raises(ValueError, match="Received: texts=b?'one two'"):
        train_sentencepiece("one two", 60)

    def damaged():
        yield "one two"
        raise OSError("the disk is gone")

    with pytest.raises(RuntimeError, match="the disk is gone"):
        train_sentencepiece(damaged(), 60)


def test_pieces_without_the_package(piece_model, monkeypatch):
    monkeypatch.setitem(sys.modules, "sentencepiece", None)
    with pytest.raises(ImportError, match="pip install sentencepiece"):
        SentencePieceTokenizer(piece_model)
