"""Choosing, saving and exchanging vocabularies."""

import hashlib

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from ulmfit_keras.text.vocabulary import Vocabulary
from ulmfit_keras.text.vocabulary import transfer_vocabulary
from ulmfit_keras.text.word_splitting import SPECIAL_TOKENS


def test_count():
    counts = Vocabulary.count(["Good good film", "film!!!", b"a film"])
    assert counts["film"] == 3
    assert counts["good"] == 2
    assert counts["xxmaj"] == 1
    assert counts["xxrep"] == 1


@pytest.mark.parametrize("one", ["good film", b"good film"])
def test_count_takes_no_single_text(one):
    with pytest.raises(ValueError, match="Received: texts=b?'good film'"):
        Vocabulary.count(one)
    assert Vocabulary.count(iter([one]))["film"] == 1


def test_build_orders_and_cuts():
    counts = {"b": 5, "a": 5, "c": 9, "rare": 1, "xxmaj": 70, "é": 5}
    vocabulary = Vocabulary.build(counts, min_count=2)
    assert vocabulary.tokens == (*SPECIAL_TOKENS, "c", "a", "b", "é")
    vocabulary = Vocabulary.build(counts, min_count=1, max_size=10)
    assert vocabulary.tokens == (*SPECIAL_TOKENS, "c", "a")


def test_build_needs_room_for_special_tokens():
    with pytest.raises(ValueError, match="Received: max_size=7"):
        Vocabulary.build({}, max_size=7)


def test_encode():
    vocabulary = Vocabulary(["a", "xxunk", "b"])
    ids = vocabulary.encode(["b", "what", "a"])
    assert ids.tolist() == [2, 1, 0]
    assert ids.dtype == np.int32
    assert vocabulary.encode([]).shape == (0,)
    assert (vocabulary.index("b"), vocabulary.index("what")) == (2, 1)
    assert ("b" in vocabulary, "what" in vocabulary) == (True, False)
    assert len(vocabulary) == 3


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (["a", "b"], "must hold 'xxunk'"),
        (["xxunk", "a", "b", "a"], r"\['a'\] repeated"),
        (["xxunk", "a\nb"], "line breaks"),
        (["xxunk", ""], "line breaks"),
    ],
)
def test_wrong_tokens(tokens, message):
    with pytest.raises(ValueError, match=message):
        Vocabulary(tokens)


def test_fingerprint():
    vocabulary = Vocabulary(["xxunk", "é", "b"])
    expected = hashlib.sha256("xxunk\né\nb".encode()).hexdigest()
    assert vocabulary.fingerprint == expected
    assert Vocabulary(["xxunk", "b", "é"]).fingerprint != expected


@hypothesis.settings(deadline=None)
@hypothesis.given(
    st.lists(
        st.text(
            st.characters(exclude_characters="\n\r", exclude_categories="C"),
            min_size=1,
        ),
        unique=True,
    )
)
def test_save_and_load(tmp_path_factory, tokens):
    path = tmp_path_factory.mktemp("vocabulary") / "vocabulary.txt"
    vocabulary = Vocabulary(["xxunk", *[t for t in tokens if t != "xxunk"]])
    vocabulary.save(path)
    assert Vocabulary.load(path) == vocabulary


def test_saved_file_is_one_token_a_line(tmp_path):
    Vocabulary(["xxunk", "é", "\u2028"]).save(tmp_path / "v.txt")
    written = (tmp_path / "v.txt").read_bytes()
    assert written == "xxunk\né\n\u2028\n".encode()
    assert len(Vocabulary.load(tmp_path / "v.txt")) == 3


def test_transfer():
    old = Vocabulary(["xxunk", "a", "b", "c"])
    new = Vocabulary(["xxunk", "c", "new", "a"])
    transfer = transfer_vocabulary(old, new)
    assert transfer.row_index.tolist() == [0, 3, -1, 1]
    assert (transfer.kept, transfer.new, transfer.dropped) == (3, 1, 1)
    matrix = np.array([[0, 1], [2, 3], [4, 5], [10, 7]], np.float32)
    moved = transfer.apply(matrix)
    assert moved.tolist() == [[0, 1], [10, 7], [4, 4], [2, 3]]
    assert moved.dtype == np.float32
    assert transfer.apply([0.0, 1, 2, 5]).tolist() == [0, 5, 2, 1]
    assert "3 of 4 tokens keep their rows, 1 start" in str(transfer)


def test_transfer_to_itself_changes_nothing():
    vocabulary = Vocabulary(["xxunk", "a", "b"])
    matrix = np.random.default_rng(0).normal(size=(3, 4))
    transfer = transfer_vocabulary(vocabulary, vocabulary)
    np.testing.assert_array_equal(transfer.apply(matrix), matrix)


def test_transfer_of_a_wrong_matrix():
    vocabulary = Vocabulary(["xxunk", "a", "b"])
    transfer = transfer_vocabulary(vocabulary, vocabulary)
    with pytest.raises(ValueError, match=r"Received: shape \(2, 4\)"):
        transfer.apply(np.zeros((2, 4)))
