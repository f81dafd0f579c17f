"""Corpus files as pieces: their words, numbered, in files of their own.

Cutting text into words is what takes the time, so it is done once, before
the vocabulary is known. A piece numbers its words by itself; a table from
its words to ids turns it into ids later.
"""

import array
import collections
import contextlib
import functools
import hashlib
import itertools
import json
import os
import pathlib
import zipfile
import zlib
from typing import NamedTuple

import numpy as np

from ulmfit_keras.data.compression import compression
from ulmfit_keras.data.corpus.documents import read_span
from ulmfit_keras.text import characters
from ulmfit_keras.text.cleaning import HTML_REPLACEMENTS
from ulmfit_keras.text.word_splitting import BEGINNING
from ulmfit_keras.text.word_splitting import split_words

# Each takes some 350 bytes while a piece is made.
_MAX_PIECE_WORDS = 1 << 20

# Has something for every rule of the word splitting.
_PROBE = (
    "XXBOS &amp;amp;<br />Soooo 2000 ha ha HA! Rock'n'ROLL\u2019s 日本 \x1f é"
)


class Run(NamedTuple):
    """Work that a process does in one go.

    Attributes:
        key: str, which text this is and how it is read.
        spans: list of (number of the source, path, form, first, last), the
            last four as `read_span` takes them.
    """

    key: str
    spans: list


@functools.cache
def word_rules_fingerprint():
    """The sha256 of what the rules for words do, in hexadecimal digits.

    Equal fingerprints mean that equal texts give equal words.
    """
    digest = hashlib.sha256()
    for table in (characters.properties(), characters.lower_case()):
        digest.update(np.ascontiguousarray(table).astype("<i4").tobytes())
    for join_ideographs in (False, True):
        words = split_words(_PROBE, join_ideographs)
        digest.update(json.dumps([words, HTML_REPLACEMENTS]).encode())
    return digest.hexdigest()


def plan_runs(sources, run_bytes, join_ideographs):
    """Share corpus files out as runs of about the same length.

    Large plain files are cut, small files are put together. A compressed
    file, which can only be read from its beginning, stays whole.

    Args:
        sources: list of dicts with `path`, `format`, `bytes` and `sha256`.
        run_bytes: how much text a run should have.
        join_ideographs: how words are cut; see `split_words`.

    Returns:
        A list of `Run`s, in the order of the files.
    """
    groups, size = [], 0
    for number, source in enumerate(sources):
        path, form = source["path"], source["format"]
        length = source["bytes"]
        edges = [0]
        if not compression(path):
            edges = [*range(0, length, run_bytes)] or [0]
        for first, last in zip(edges, [*edges[1:], None], strict=True):
            weight = (length if last is None else last) - first
            if compression(path):
                weight *= 4  # what text is compressed to, about
            if not groups or size + weight > run_bytes:
                groups.append([])
                size = 0
            size += weight
            span = (number, path, form, first, last)
            groups[-1].append((span, source["sha256"]))
    rules = [1, run_bytes, join_ideographs, word_rules_fingerprint()]
    runs = []
    for group in groups:
        content = [
            [sha256, compression(path), *how]
            for (_, path, *how), sha256 in group
        ]
        key = hashlib.sha256(json.dumps([rules, content]).encode())
        runs.append(Run(key.hexdigest()[:32], [span for span, _ in group]))
    return runs


def read_run(spans, **kwargs):
    """Yield (place of the span, `Document`) for all documents of a run."""
    for place, (_, path, form, first, last) in enumerate(spans):
        for document in read_span(path, form, first, last, **kwargs):
            yield place, document


@contextlib.contextmanager
def atomic_file(path, work_folder=None):
    """Write a file that appears under its name when it is complete.

    Args:
        path: of the file.
        work_folder: where it grows. Defaults to the folder of the file.

    Yields:
        The file, open to write bytes.
    """
    path = pathlib.Path(path)
    folder = pathlib.Path(work_folder or path.parent)
    unfinished = folder / f"{path.name}.{os.getpid()}.unfinished"
    with open(unfinished, "wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())
    os.replace(unfinished, path)


def json_bytes(value):
    """A value as the content of a JSON file."""
    return json.dumps(value, indent=1).encode() + b"\n"


def write_json(path, value, work_folder=None):
    """Write a JSON file; see `atomic_file`."""
    with atomic_file(path, work_folder) as file:
        file.write(json_bytes(value))


def read_json(path):
    """The value of a JSON file, None where there is none."""
    try:
        return json.loads(pathlib.Path(path).read_bytes())
    except (FileNotFoundError, ValueError):
        return None


def _make_piece(documents, max_characters, join_ideographs):
    """The arrays of the next piece, or None if no document is left."""
    index = collections.defaultdict(itertools.count().__next__)
    ids, lengths = array.array("i"), array.array("i")
    found = {}
    size = 0
    for place, document in documents:
        words = split_words(document.text, join_ideographs)
        ids.append(index[BEGINNING])
        ids.extend(map(index.__getitem__, words))
        lengths.append(len(words) + 1)
        counts = found.setdefault(place, [0, 0])
        counts[0] += 1
        counts[1] += not document.is_utf8
        size += len(document.text)
        if size >= max_characters or len(index) >= _MAX_PIECE_WORDS:
            break
    if not lengths:
        return None
    words = [word.encode("utf-8") for word in index]
    hashes = np.fromiter(map(zlib.crc32, words), np.uint32, len(words))
    order = np.argsort(hashes, kind="stable")
    rank = np.empty(len(order), np.int32)
    rank[order] = np.arange(len(order), dtype=np.int32)
    ids = rank[np.frombuffer(ids, np.int32)]
    words = [words[i] for i in order]
    return {
        "ids": ids,
        "lengths": np.frombuffer(lengths, np.int32),
        "hashes": hashes[order],
        "counts": np.bincount(ids, minlength=len(words)),
        "ends": np.cumsum([len(word) + 1 for word in words]),
        "words": np.frombuffer(b"\n".join(words) + b"\n", np.uint8),
        "spans": np.array([[place, *n] for place, n in found.items()]),
    }


def _is_whole(path):
    try:
        with zipfile.ZipFile(path) as file:
            return file.testzip() is None
    except (OSError, zipfile.BadZipFile, zlib.error):
        return False


def _summary(path):
    with load_piece(path) as piece:
        return {
            "path": str(path),
            "words": len(piece["hashes"]),
            "tokens": int(piece["counts"].sum()),
            "spans": piece["spans"].tolist(),
        }


def load_piece(path):
    """Open a piece: its arrays by name, each read when it is asked for.

    `ids` int32 (tokens,): numbers of its words, the documents one after
    the other; `lengths` int32 (documents,); `words`: bytes, one word a
    line, which end at `ends` (words,), in the order of their `hashes` uint32
    (words,); `counts` (words,); `spans` (spans, 3), for each span of the run
    that it has documents of: its place, how many, how many not UTF-8.
    """
    return np.load(path, allow_pickle=False)


def words_of(piece, first=0, last=None):
    """The words of a piece from one number up to another, list of bytes."""
    ends = piece["ends"][first:last]
    if not len(ends):
        return []
    text = piece["words"].tobytes()
    start = text.rfind(b"\n", 0, ends[0] - 1) + 1
    return text[start : ends[-1] - 1].split(b"\n")


def tokenize_run(key, spans, folder, max_characters, join_ideographs, report):
    """Cut the documents of a run into words and write them as pieces.

    What a run before has finished is kept, if it is undamaged.

    Args:
        key: see `Run`.
        spans: see `Run`.
        folder: where to write.
        max_characters: after how many characters a new piece begins, or
            before, where a million different words have come together.
        join_ideographs: see `split_words`.
        report: called with the number of bytes read since.

    Returns:
        A list of dicts, one a piece: its `path`, how many different `words`
        and `tokens` it has, and its `spans`; see `load_piece`.
    """
    folder = pathlib.Path(folder)
    done = folder / f"{key}.json"
    names = read_json(done)
    if names is not None:
        paths = [folder / name for name in names]
        if all(map(_is_whole, paths)):
            return list(map(_summary, paths))
    documents = read_run(spans, report=report)
    paths = []
    while True:
        path = folder / f"{key}-{len(paths):05}.npz"
        if _is_whole(path):
            with load_piece(path) as piece:
                skipped = len(piece["lengths"])
            collections.deque(itertools.islice(documents, skipped), maxlen=0)
        else:
            piece = _make_piece(documents, max_characters, join_ideographs)
            if piece is None:
                break
            with atomic_file(path) as file:
                np.savez(file, **piece)
        paths.append(path)
    write_json(done, [path.name for path in paths])
    return list(map(_summary, paths))
