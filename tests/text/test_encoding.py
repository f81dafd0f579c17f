"""Texts as arrays of ids."""

import multiprocessing.pool
import pickle

import numpy as np
import pytest

from ulmfit_keras.text.encoders import SentencePieceEncoder
from ulmfit_keras.text.encoding import encode_texts
from ulmfit_keras.text.word_splitting import SPECIAL_TOKENS
from ulmfit_keras.text.word_tokenizer import WordTokenizer

TEXTS = ["Good film", "", "good good good", b"\xff", "what"]


@pytest.fixture
def tokenizer():
    return WordTokenizer([*SPECIAL_TOKENS, "good", "film", "3"])


def test_encode(tokenizer):
    ids = encode_texts(tokenizer, TEXTS)
    assert [row.tolist() for row in ids] == [
        [2, 7, 8, 9],
        [2],
        [2, 5, 10, 8],
        [2],
        [2, 0],
    ]
    assert all(row.dtype == np.int32 for row in ids)


def test_max_tokens(tokenizer):
    ids = encode_texts(tokenizer, iter(TEXTS), max_tokens=2)
    assert [len(row) for row in ids] == [2, 1, 2, 1, 2]


def test_no_texts(tokenizer):
    assert encode_texts(tokenizer, []) == []


@pytest.mark.parametrize("one", ["good film", b"good film"])
def test_one_text_is_no_list_of_texts(tokenizer, one):
    with pytest.raises(ValueError, match="Received: texts=b?'good film'"):
        encode_texts(tokenizer, one)


def test_processes_give_the_same(tokenizer, monkeypatch):
    # Threads in place of processes, which take long to start.
    class Threads:
        Pool = multiprocessing.pool.ThreadPool

    monkeypatch.setattr(multiprocessing, "get_context", lambda _: Threads)
    texts = TEXTS * 100
    serial = encode_texts(tokenizer, texts, max_tokens=3)
    parallel = encode_texts(tokenizer, texts, max_tokens=3, processes=2)
    assert len(parallel) == len(serial)
    for found, expected in zip(parallel, serial, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_encoders_can_be_sent_to_processes(tokenizer, piece_model):
    for encoder in (tokenizer.encoder, SentencePieceEncoder(piece_model)):
        sent = pickle.loads(pickle.dumps(encoder))
        assert sent.encode("Good film") == encoder.encode("Good film")
