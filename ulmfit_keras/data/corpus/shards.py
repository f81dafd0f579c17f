"""Token shards: the ids of a corpus in files that can be memory-mapped.

A document belongs to the shard in whose share of all tokens it begins, so
no document is in two shards, and what is in a shard follows from the number
of tokens before it alone: not from how the text was cut into files, or into
work for processes.
"""

import bisect
import functools
import hashlib
import io
import itertools
import json
import os
import pathlib
from typing import NamedTuple

import numpy as np

from ulmfit_keras.checksums import file_sha256
from ulmfit_keras.data.corpus.pieces import atomic_file
from ulmfit_keras.data.corpus.pieces import load_piece
from ulmfit_keras.data.corpus.pieces import read_json
from ulmfit_keras.data.corpus.pieces import words_of
from ulmfit_keras.data.corpus.pieces import write_json
from ulmfit_keras.text.encoders import SentencePieceEncoder
from ulmfit_keras.text.vocabulary import Vocabulary
from ulmfit_keras.text.word_splitting import UNKNOWN

_TOKENS_AT_ONCE = 1 << 20


class _WordTable(NamedTuple):
    """Numbers of words to ids: those of word i are `sizes[i]` of `ids`."""

    ids: np.ndarray
    sizes: np.ndarray
    unknown_id: int
    is_one_to_one: bool

    def lengths(self, words, lengths):
        """Tokens of each document, of as many `lengths` of all `words`."""
        if self.is_one_to_one:
            return lengths
        starts = np.cumsum(lengths) - lengths
        return np.add.reduceat(self.sizes[words], starts)

    def blocks(self, words):
        """Yield the ids of numbers of words, some at a time."""
        starts = np.cumsum(self.sizes) - self.sizes
        for first in range(0, len(words), _TOKENS_AT_ONCE):
            block = words[first : first + _TOKENS_AT_ONCE]
            if self.is_one_to_one:
                yield self.ids[block]
                continue
            sizes = self.sizes[block]
            ends = np.cumsum(sizes)
            shifts = np.repeat(starts[block] - (ends - sizes), sizes)
            yield self.ids[shifts + np.arange(len(shifts))]


@functools.lru_cache(maxsize=1)
def _load_encoder(path, sha256):
    """What the file of a tokenizer holds; `sha256` tells when it changed."""
    if path.endswith(".spm"):
        return SentencePieceEncoder(pathlib.Path(path).read_bytes())
    return Vocabulary.load(path)


def _word_table(words, encoding):
    encoder = _load_encoder(*encoding)
    words = [word.decode("utf-8") for word in words]
    if isinstance(encoder, Vocabulary):
        return _WordTable(
            encoder.encode(words),
            np.ones(len(words), np.int32),
            encoder.index(UNKNOWN),
            is_one_to_one=True,
        )
    rows = [encoder.encode_word(word) for word in words]
    return _WordTable(
        np.array(list(itertools.chain(*rows)), np.int32),
        np.array(list(map(len, rows)), np.int32),
        encoder.vocabulary.index(UNKNOWN),
        is_one_to_one=False,
    )


def measure_piece(path, encoding, report):
    """Count the tokens of a piece.

    Args:
        path: its file.
        encoding: (path, SHA-256) of a file that `Vocabulary.save` wrote, or
            of a SentencePiece model, which ends in `.spm`.
        report: called with 1 at the end.

    Returns:
        A dict: `tokens`, those of the `longest` and the `last` document, and
        `span_tokens`, those of each row of its `spans`.
    """
    with load_piece(path) as piece:
        lengths, documents = piece["lengths"], piece["spans"][:, 1]
        table = _word_table(words_of(piece), encoding)
        lengths = table.lengths(
            None if table.is_one_to_one else piece["ids"], lengths
        )
    report(1)
    starts = np.cumsum(documents) - documents
    return {
        "tokens": int(lengths.sum()),
        "longest": int(lengths.max()),
        "last": int(lengths[-1]),
        "span_tokens": np.add.reduceat(lengths, starts).tolist(),
    }


class ShardPlan(NamedTuple):
    """How the tokens of a split are shared out.

    Attributes:
        count: number of shards.
        tokens: shard i holds the documents that begin at token
            `i * tokens` to `(i + 1) * tokens - 1` of the split.
        offsets: for each measured part, the number of tokens before it.
    """

    count: int
    tokens: int
    offsets: list

    def between(self, shard):
        """(first, last): the tokens that documents of a shard begin at."""
        return shard * self.tokens, (shard + 1) * self.tokens

    def parts(self, shard):
        """The places in `offsets` of parts that have documents of a shard."""
        first, last = self.between(shard)
        begin = bisect.bisect_right(self.offsets, first) - 1
        return range(begin, bisect.bisect_left(self.offsets, last))


def plan_shards(measures, shard_tokens):
    """Share the tokens of a split out in shards of equal length.

    No shard is empty: a share is at least as long as the longest document.

    Args:
        measures: list of dicts with `tokens`, `longest` and `last`, in the
            order of the text; see `measure_piece`.
        shard_tokens: the most tokens in a shard, about.

    Returns:
        A `ShardPlan`.
    """
    measures = list(measures)
    ends = list(itertools.accumulate(m["tokens"] for m in measures))
    total = ends[-1]
    shares = -(-total // shard_tokens)
    tokens = max(-(-total // shares), max(m["longest"] for m in measures))
    last = next(m["last"] for m in reversed(measures) if m["tokens"])
    return ShardPlan((total - last) // tokens + 1, tokens, [0, *ends[:-1]])


def shard_name(split, shard, count):
    """The file name of a shard."""
    return f"{split}-{shard:05}-of-{count:05}.npy"


def shard_dtype(vocabulary_size):
    """The dtype of ids: uint16 where they fit, else int32."""
    return np.dtype("<u2" if vocabulary_size <= 1 << 16 else "<i4")


def shard_header(dtype, tokens):
    """What a `.npy` file of ids begins with; as long for any `tokens`."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header,
        {
            "descr": np.lib.format.dtype_to_descr(np.dtype(dtype)),
            "fortran_order": False,
            "shape": (tokens,),
        },
    )
    return header.getvalue()


def write_shard(folder, name, work_folder, parts, between, encoding, report):
    """Write a shard, unless it is there already.

    Args:
        folder: where the shard belongs.
        name: of its file.
        work_folder: where to note what is finished.
        parts: list of (path of a piece, number of tokens before it).
        between: (first, last), the shard has the documents that begin at
            these tokens, the last one excluded.
        encoding: see `measure_piece`.
        report: called with numbers of tokens written.

    Returns:
        A dict: the `file`, its `tokens`, `documents` and `sha256`, and how
        many tokens are `unknown`.
    """
    path = pathlib.Path(folder) / name
    note = (pathlib.Path(work_folder) / name).with_suffix(".json")
    content = [[os.path.basename(p), offset] for p, offset in parts]
    key = hashlib.sha256(
        json.dumps([content, between, encoding[1]]).encode()
    ).hexdigest()
    noted = read_json(note)
    if noted and noted["key"] == key and path.exists():
        if file_sha256(path) == noted["shard"]["sha256"]:
            return noted["shard"]
    encoder = _load_encoder(*encoding)
    dtype = shard_dtype(len(getattr(encoder, "vocabulary", encoder)))
    tokens = documents = unknown = 0
    with atomic_file(path, work_folder) as file:
        file.write(shard_header(dtype, 0))
        for part, offset in parts:
            with load_piece(part) as piece:
                words, lengths = piece["ids"], piece["lengths"]
                table = _word_table(words_of(piece), encoding)
            sizes = table.lengths(words, lengths)
            begins = offset + np.cumsum(sizes, dtype=np.int64) - sizes
            first, last = np.searchsorted(begins, between)
            edges = np.cumsum([0, *lengths])
            for ids in table.blocks(words[edges[first] : edges[last]]):
                file.write(ids.astype(dtype).tobytes())
                tokens += len(ids)
                unknown += int(np.count_nonzero(ids == table.unknown_id))
                report(len(ids))
            documents += int(last - first)
        file.seek(0)
        file.write(shard_header(dtype, tokens))
    shard = {
        "file": name,
        "tokens": tokens,
        "documents": documents,
        "unknown": unknown,
        "sha256": file_sha256(path),
    }
    write_json(note, {"key": key, "shard": shard})
    return shard
