"""Lists of tokens of fastai and awd-lstm-lm."""

import pickle

import numpy as np
import pytest
from hypothesis import HealthCheck
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from ulmfit_keras import text
from ulmfit_keras.convert import CheckpointError
from ulmfit_keras.convert import read_itos
from ulmfit_keras.convert.itos import fastai_tokens
from ulmfit_keras.convert.itos import vocabulary_of

FASTAI_2 = "xxunk xxpad xxbos xxeos xxfld xxrep xxwrep xxup xxmaj".split()
FASTAI_1 = "xxunk xxpad xxbos xxeos xxfld xxmaj xxup xxrep xxwrep".split()


@pytest.fixture
def write(tmp_path):
    def write(data):
        path = tmp_path / "itos.pkl"
        path.write_bytes(data)
        return path

    return write


@pytest.mark.parametrize("protocol", [0, 2, 3, 4, 5])
def test_pickled_lists_are_read(write, protocol):
    tokens = [*FASTAI_2, "the", "\n", "…", "人"]
    assert read_itos(write(pickle.dumps(tokens, protocol))) == tokens
    assert read_itos(write(pickle.dumps(tuple(tokens), protocol))) == tokens


def test_fastcore_lists_are_read(write):
    items = b"X\5\0\0\0items](X\1\0\0\0aX\1\0\0\0be"
    data = b"\x80\2cfastcore.foundation\nL\n)\x81}" + items + b"sb."
    assert read_itos(write(data)) == ["a", "b"]


def test_attacks_are_refused_and_not_run(write, attacks):
    for name, data in attacks.pickles.items():
        with pytest.raises(CheckpointError, match="Received: "):
            read_itos(write(data))
        assert not attacks.marker.exists(), name


@pytest.mark.parametrize(
    "value", [{"a": 0}, "a b", None, [1, 2], ["a", b"b"], ["a", ["b"]]]
)
def test_other_objects_are_refused(write, value):
    with pytest.raises(CheckpointError, match="plain list of texts.*Received"):
        read_itos(write(pickle.dumps(value)))


def test_objects_of_fastai_are_refused_with_advice(write):
    data = b"\x80\2cfastai.text.transform\nVocab\n)\x81."
    with pytest.raises(CheckpointError) as error:
        read_itos(write(data))
    assert "'fastai.text.transform.Vocab'" in str(error.value)
    assert "pickle.dump(list(vocabulary), file)" in str(error.value)


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize(
    "words", [b"]", b"](K\1e", b"N", b"Va\n", b"cdata\nCorpus\n)\x81", None]
)
def test_words_of_a_corpus_must_be_texts(tmp_path, formats, legacy, words):
    def made(name, **attributes):
        state = formats.pickled_dict(attributes)[2:-1]
        return b"cdata\n" + name + b"\n)\x81" + state + b"b"

    attributes = {} if words is None else {"idx2word": words}
    corpus = made(b"Corpus", dictionary=made(b"Dictionary", **attributes))
    path, data = tmp_path / "corpus.data", b"\x80\2" + corpus + b"."
    (formats.write_legacy if legacy else formats.write_zip)(path, data, {})
    if words == b"]":
        assert read_itos(path) == []
        return
    with pytest.raises(CheckpointError, match="plain list of texts.*Received"):
        read_itos(path)


@pytest.mark.parametrize("legacy", [False, True])
def test_attacks_in_a_corpus_are_refused_and_not_run(
    tmp_path, formats, attacks, legacy
):
    path = tmp_path / "corpus.data"
    for name, data in attacks.pickles.items():
        (formats.write_legacy if legacy else formats.write_zip)(path, data, {})
        with pytest.raises(CheckpointError, match="Received: "):
            read_itos(path)
        assert not attacks.marker.exists(), name


@pytest.mark.parametrize("special", [FASTAI_1, FASTAI_2])
def test_rows_follow_their_tokens(special):
    tokens = [*special, "the", "film"]
    vocabulary, transfer = vocabulary_of(tokens)
    assert vocabulary.tokens == (*text.SPECIAL_TOKENS, "xxeos", "the", "film")
    rows = transfer.apply(np.arange(len(tokens)))
    assert [tokens[row] for row in rows] == list(vocabulary.tokens)
    assert (transfer.new, transfer.dropped) == (0, 0)


def test_special_tokens_that_a_list_lacks_get_the_mean_row():
    vocabulary, transfer = vocabulary_of(["b", "xxunk", "a"])
    rows = transfer.apply(np.float32([[1], [2], [6]]))
    expected = {token: 3.0 for token in text.SPECIAL_TOKENS}
    expected |= {"xxunk": 2.0, "b": 1.0, "a": 6.0}
    found = dict(zip(vocabulary.tokens, rows[:, 0].tolist(), strict=True))
    assert found == expected


def test_older_names_of_special_tokens_become_ours():
    tokens = ["_unk_", "_pad_", "the", "xbos", "xfld", "t_up", "tk_rep"]
    vocabulary, transfer = vocabulary_of(tokens)
    assert vocabulary.tokens == (*text.SPECIAL_TOKENS, "the")
    rows = transfer.row_index
    found = [rows[vocabulary.index(token)] for token in text.SPECIAL_TOKENS]
    assert found == [0, 1, 3, 4, 6, -1, 5, -1]


def test_names_of_awd_lstm_lm_become_ours():
    vocabulary, transfer = vocabulary_of(["<eos>", "the", "<unk>"])
    assert transfer.row_index[vocabulary.index("xxbos")] == 0
    assert transfer.row_index[vocabulary.index("xxunk")] == 2


def test_a_name_that_is_taken_stays():
    vocabulary, _ = vocabulary_of(["xxunk", "<unk>", "_unk_"])
    assert vocabulary.tokens[-2:] == ("<unk>", "_unk_")


def test_fillers_and_line_breaks_can_be_tokens():
    tokens = [*FASTAI_2, "\n", "\n\n", "a\r", "xxfake", "xxfake", "xxfake"]
    vocabulary, transfer = vocabulary_of(tokens)
    assert vocabulary.tokens[-6:] == (
        "␊",
        "␊␊",
        "a␍",
        "xxfake.1",
        "xxfake.2",
        "xxfake.3",
    )
    assert len(vocabulary) == len(tokens) and transfer.new == 0


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.lists(st.text(min_size=1, max_size=4), unique=True, max_size=20),
    st.integers(0, 8),
)
def test_lists_come_back_as_they_were(words, fillers):
    words = [word for word in words if not set(word) & set("␊␍▁")]
    special = {*FASTAI_2, "\r\n", "xxfake"}
    words = [word for word in words if word not in special]
    tokens = [*FASTAI_2, *words, *["xxfake"] * fillers]
    try:
        vocabulary, transfer = vocabulary_of(tokens)
    except CheckpointError:
        # A lone surrogate, which no file of tokens can hold.
        assert any("\ud800" <= c <= "\udfff" for c in "".join(words))
        return
    found, order = fastai_tokens(vocabulary)
    assert found == tokens
    np.testing.assert_array_equal(
        transfer.row_index[order], np.arange(len(tokens))
    )


@pytest.mark.parametrize(
    "tokens",
    [
        [],
        ["a", "b"],
        ["xxunk", "a", "a"],
        ["xxunk", ""],
        ["xxunk", "\ud800"],
        ["xxunk", "\n", "␊"],
    ],
)
def test_lists_that_are_no_vocabulary_are_refused(tokens):
    with pytest.raises(CheckpointError, match="those of a vocabulary"):
        vocabulary_of(tokens)


def test_pieces_of_words_are_refused():
    with pytest.raises(CheckpointError, match="SentencePiece.*Received: 3"):
        vocabulary_of(["xxunk", "▁", "▁the", "▁film", "s", "▁a"])


def test_unknown_and_padding_tokens_are_where_fastai_has_them():
    special = list(reversed(text.SPECIAL_TOKENS))
    tokens, order = fastai_tokens(text.Vocabulary(["a", *special, "b"]))
    assert tokens[:3] == ["xxunk", "xxpad", "xxbos"]
    assert tokens[-2:] == ["a", "b"]
    assert order[0] == len(special) and order[-1] == len(special) + 1
