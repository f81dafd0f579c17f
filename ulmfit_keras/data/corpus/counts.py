"""The most frequent words of a corpus, counted in bounded memory.

A large corpus has tens of millions of different words, more than fit into a
process. They are counted a share at a time: those whose checksums (CRC-32)
lie in one of several equal ranges. The counts are exact, and the same for
any number of ranges.
"""

import collections
import heapq
import itertools

import numpy as np

from ulmfit_keras.data.corpus.pieces import load_piece
from ulmfit_keras.data.corpus.pieces import words_of
from ulmfit_keras.text.vocabulary import Vocabulary

_HASHES = 1 << 32
# Some 350 MB in a process, if no two pieces had a word in common.
WORDS_AT_ONCE = 2_000_000


def plan_counts(pieces):
    """Tasks that count a share of the words each.

    Args:
        pieces: what `tokenize_run` returned.

    Returns:
        A list of dicts, arguments of `count_words_between`.
    """
    paths = [piece["path"] for piece in pieces]
    shares = -(-sum(piece["words"] for piece in pieces) // WORDS_AT_ONCE)
    edges = [_HASHES * i // shares for i in range(shares + 1)]
    return [
        {"paths": paths, "first": first, "last": last}
        for first, last in itertools.pairwise(edges)
    ]


def count_words_between(paths, first, last, min_count, size, report):
    """Count the words of pieces whose checksums lie in a range.

    Args:
        paths: files of the pieces.
        first: lowest checksum.
        last: lowest checksum above the range.
        min_count: leave out words seen less often than this.
        size: how many words to return at most.
        report: called with 1 after each piece.

    Returns:
        A list of (minus the count, word), the most frequent first, equal
        counts in the order of their code points.
    """
    counts = collections.Counter()
    for path in paths:
        with load_piece(path) as piece:
            begin, end = np.searchsorted(piece["hashes"], [first, last])
            words = words_of(piece, begin, end)
            found = piece["counts"][begin:end].tolist()
        for word, count in zip(words, found, strict=True):
            counts[word] += count
        report(1)
    # UTF-8 sorts as code points do.
    best = heapq.nsmallest(
        size,
        (
            (-count, word)
            for word, count in counts.items()
            if count >= min_count
        ),
    )
    return [(count, word.decode("utf-8")) for count, word in best]


def most_frequent(counted, min_count, max_size):
    """Choose a vocabulary from the counts of all shares.

    Args:
        counted: iterable of results of `count_words_between`, in any order.
        min_count: see `Vocabulary.build`.
        max_size: see `Vocabulary.build`.

    Returns:
        A `Vocabulary`, what `Vocabulary.build` makes of all counts.
    """
    best = []
    for share in counted:
        best = heapq.nsmallest(
            max_size, itertools.chain(best, map(tuple, share))
        )
    return Vocabulary.build(
        {word: -count for count, word in best}, min_count, max_size
    )
