"""General text for a language model: documents in, one array of ids out.

A corpus file is UTF-8 text, plain or compressed (.gz, .xz), in which one
blank line ends a document.
"""

import collections
import gzip
import lzma
import multiprocessing
import pathlib

import numpy as np

from ulmfit_keras.text.vocabulary import Vocabulary
from ulmfit_keras.text.word_splitting import BEGINNING
from ulmfit_keras.text.word_splitting import split_words

_OPENERS = {".gz": gzip.open, ".xz": lzma.open}


def read_documents(path):
    """Yield the documents of a corpus file, one str each."""
    path = pathlib.Path(path)
    opener = _OPENERS.get(path.suffix, open)
    with opener(path, "rt", encoding="utf-8") as file:
        lines = []
        for line in file:
            if line.strip():
                lines.append(line)
            elif lines:
                yield "".join(lines)
                lines = []
        if lines:
            yield "".join(lines)


def _count_file(path):
    counts = collections.Counter()
    for document in read_documents(path):
        counts.update(split_words(document))
    return counts


def count_words(paths, processes=1):
    """Count the words of corpus files.

    Args:
        paths: the files.
        processes: how many files to read at the same time.

    Returns:
        A `collections.Counter` of words, for `Vocabulary.build`.
    """
    counted = _map(_count_file, map(str, paths), processes)
    return sum(counted, collections.Counter())


def _map(function, tasks, processes):
    if processes == 1:
        return list(map(function, tasks))
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        return pool.map(function, tasks, chunksize=1)


def _encode_file(task):
    path, tokens = task
    vocabulary = Vocabulary(tokens)
    dtype = np.uint16 if len(tokens) <= 1 << 16 else np.int32
    return np.concatenate(
        [
            vocabulary.encode([BEGINNING, *split_words(document)]).astype(dtype)
            for document in read_documents(path)
        ]
    )


def encode_corpus(paths, vocabulary, output_path, processes=1):
    """Encode corpus files as one array of token ids on disk.

    Args:
        paths: the files, in the order of the stream.
        vocabulary: a `Vocabulary`.
        output_path: where to write, ending in `.npy`. Left alone when it is
            there already.
        processes: how many files to encode at the same time.

    Returns:
        The ids, (tokens,), memory-mapped: uint16 where they fit. Every
        document opens with `xxbos`.
    """
    output_path = pathlib.Path(output_path)
    if not output_path.exists():
        tasks = [(str(path), list(vocabulary.tokens)) for path in paths]
        encoded = _map(_encode_file, tasks, processes)
        unfinished = output_path.with_suffix(".unfinished.npy")
        np.save(unfinished, np.concatenate(encoded))
        unfinished.replace(output_path)
    return np.load(output_path, mmap_mode="r", allow_pickle=False)
