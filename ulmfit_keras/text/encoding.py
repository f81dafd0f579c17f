"""Texts as arrays of token ids, as models train on them."""

import multiprocessing

import numpy as np

from ulmfit_keras.text.checks import check_listed

_WORK = {}  # of a worker process


def _encode(encoder, start, text, max_tokens):
    return np.array([start, *encoder.encode(text)][:max_tokens], np.int32)


def _begin_work(encoder, start, max_tokens):
    _WORK.update(encoder=encoder, start=start, max_tokens=max_tokens)


def _work(text):
    return _encode(text=text, **_WORK)


def encode_texts(tokenizer, texts, max_tokens=None, processes=None):
    """Encode texts: `xxbos`, then the ids of each text's tokens.

    Args:
        tokenizer: a `WordTokenizer` or `SentencePieceTokenizer`.
        texts: iterable of str or bytes.
        max_tokens: cut texts after this many ids, `xxbos` included. Defaults
            to None, no limit.
        processes: number of processes to share the work. They take seconds
            to start, so they help from some ten million words on. Defaults
            to None, none.

    Returns:
        A list of int32 arrays, one for each text, in order.

    Raises:
        TypeError: if a text is neither str nor bytes.
        ValueError: if `texts` is one text itself, or the tokenizer has no
            vocabulary yet.

    Example:

    >>> from ulmfit_keras.text import WordTokenizer
    >>> tokenizer = WordTokenizer(["xxunk", "xxpad", "xxbos", "good"])
    >>> encode_texts(tokenizer, ["good", ""])
    [array([2, 3], dtype=int32), array([2], dtype=int32)]
    """
    check_listed("texts", texts)
    encoder, start = tokenizer.encoder, tokenizer.start_token_id
    if processes is None:
        return [_encode(encoder, start, text, max_tokens) for text in texts]
    with multiprocessing.get_context("spawn").Pool(
        processes, _begin_work, (encoder, start, max_tokens)
    ) as pool:
        return list(pool.imap(_work, texts, chunksize=256))
