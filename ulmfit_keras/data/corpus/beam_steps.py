"""What the workers of the Beam pipeline do; see `beam`."""

import collections
import contextlib
import hashlib
import uuid

import apache_beam as beam
import numpy as np
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from ulmfit_keras.data.corpus.documents import detect_format
from ulmfit_keras.data.corpus.manifest import MANIFEST_FILE
from ulmfit_keras.data.corpus.manifest import VOCABULARY_FILE
from ulmfit_keras.data.corpus.manifest import check_contents
from ulmfit_keras.data.corpus.manifest import make_manifest
from ulmfit_keras.data.corpus.pieces import json_bytes
from ulmfit_keras.data.corpus.pieces import read_run
from ulmfit_keras.data.corpus.shards import plan_shards
from ulmfit_keras.data.corpus.shards import shard_dtype
from ulmfit_keras.data.corpus.shards import shard_header
from ulmfit_keras.data.corpus.shards import shard_name
from ulmfit_keras.data.errors import DataError
from ulmfit_keras.text.vocabulary import Vocabulary
from ulmfit_keras.text.word_splitting import BEGINNING
from ulmfit_keras.text.word_splitting import SPECIAL_TOKENS
from ulmfit_keras.text.word_splitting import UNKNOWN
from ulmfit_keras.text.word_splitting import split_words

_WORDS_AT_ONCE = 1 << 20
_TOKENS_AT_ONCE = 1 << 20
_HASHED_AT_ONCE = 1 << 24


def _open(path):
    """Open a file to read its bytes as they are."""
    return FileSystems.open(
        path, compression_type=CompressionTypes.UNCOMPRESSED
    )


def inspect(file):
    """(path, SHA-256 and format) of a file."""
    digest = hashlib.sha256()
    with _open(file["path"]) as opened:
        while data := opened.read(_HASHED_AT_ONCE):
            digest.update(data)
    form = detect_format(file["path"], _open)
    return file["path"], {"sha256": digest.hexdigest(), "format": form}


def check(_, splits, sources):
    """Raise a `DataError` if two splits have a file in common."""
    check_contents(
        {
            split: [{**file, **sources[file["path"]]} for file in files]
            for split, files in splits.items()
        }
    )


def _read(spans):
    """Yield (number of the source, words, whether UTF-8) of documents."""
    spans = [
        (number, path, detect_format(path, _open), first, last)
        for number, path, _, first, last in spans
    ]
    for place, document in read_run(spans, open_file=_open):
        yield spans[place][0], split_words(document.text), document.is_utf8


class CountRun(beam.DoFn):
    """Measures a run, and counts the words of training text as "words"."""

    def process(self, run):
        (split, number), spans = run
        counts, sources = collections.Counter(), {}
        tokens = longest = last = 0
        for source, words, is_utf8 in _read(spans):
            last = len(words) + 1
            tokens += last
            longest = max(longest, last)
            found = sources.setdefault(source, [0, 0, 0])
            found[0] += 1
            found[1] += not is_utf8
            found[2] += last
            if split == "train":
                counts.update(words)
                if len(counts) > _WORDS_AT_ONCE:
                    yield from _tagged(counts)
                    counts.clear()
        yield from _tagged(counts)
        measure = {"tokens": tokens, "longest": longest, "last": last}
        yield (split, number), {**measure, "sources": sources}


def _tagged(counts):
    for word, count in counts.items():
        if word not in SPECIAL_TOKENS:
            yield beam.pvalue.TaggedOutput("words", (word, count))


def is_frequent(item, min_count):
    """Whether a (word, count) is to be kept."""
    return item[1] >= min_count


def rank(item):
    """What sorts (word, count) as `Vocabulary.build` does."""
    return -item[1], item[0]


def choose(items, min_count, size):
    """The tokens of the vocabulary, a list, from the best (word, count)."""
    return list(Vocabulary.build(dict(items), min_count, size).tokens)


def _in_order(measures, split):
    """The measures of the runs of a split."""
    return [measures[key] for key in sorted(measures) if key[0] == split]


def plan(_, splits, shard_tokens, measures):
    """The `ShardPlan` of each split, as tuples, which any coder takes."""
    for split in splits:
        if not any(m["tokens"] for m in _in_order(measures, split)):
            raise DataError(
                f"The files of {split!r} must hold text. Received: "
                f"{len(splits[split])} files without a document"
            )
    return {
        split: tuple(plan_shards(_in_order(measures, split), shard_tokens))
        for split in splits
    }


def encode_run(run, tokens, plans):
    """Yield ((split, shard), (first token, ids, documents, unknown))."""
    (split, number), spans = run
    vocabulary = Vocabulary(tokens)
    dtype, unknown = shard_dtype(len(vocabulary)), vocabulary.index(UNKNOWN)
    _, shard_tokens, offsets = plans[split]
    begin = offsets[number]
    chunk, chunk_begin, size = [], begin, 0

    def finished():
        ids = np.concatenate(chunk)
        return (split, chunk_begin // shard_tokens), (
            chunk_begin,
            ids.astype(dtype).tobytes(),
            len(chunk),
            int(np.count_nonzero(ids == unknown)),
        )

    for _, words, _ in _read(spans):
        is_next = begin // shard_tokens > chunk_begin // shard_tokens
        if chunk and (is_next or size > _TOKENS_AT_ONCE):
            yield finished()
            chunk, chunk_begin, size = [], begin, 0
        ids = vocabulary.encode([BEGINNING, *words])
        chunk.append(ids)
        size += len(ids)
        begin += len(ids)
    if chunk:
        yield finished()


def write_shard(item, output_dir, tokens, plans):
    """Write a shard; returns (split, number, its entry of the manifest)."""
    (split, number), chunks = item
    dtype = shard_dtype(len(tokens))
    name = shard_name(split, number, plans[split][0])
    chunks = sorted(chunks)
    length = sum(len(ids) for _, ids, _, _ in chunks) // dtype.itemsize
    digest = hashlib.sha256()

    def data():
        yield shard_header(dtype, length)
        for _, ids, _, _ in chunks:
            yield ids

    with _atomic_file(output_dir, name) as file:
        for part in data():
            digest.update(part)
            file.write(part)
    return (
        split,
        number,
        {
            "file": name,
            "tokens": length,
            "documents": sum(chunk[2] for chunk in chunks),
            "unknown": sum(chunk[3] for chunk in chunks),
            "sha256": digest.hexdigest(),
        },
    )


@contextlib.contextmanager
def _atomic_file(output_dir, name):
    """Write a file that appears under its name when it is complete."""
    unfinished = FileSystems.join(output_dir, f"{name}.{uuid.uuid4().hex}")
    path = FileSystems.join(output_dir, name)
    with FileSystems.create(
        unfinished, compression_type=CompressionTypes.UNCOMPRESSED
    ) as file:
        yield file
    if FileSystems.exists(path):  # of a run before
        FileSystems.delete([path])
    FileSystems.rename([unfinished], [path])


def write_manifest(
    _, output_dir, splits, settings, tokens, measures, inspected, shards
):
    """Write the vocabulary and, last of all, the manifest."""
    vocabulary = Vocabulary(tokens)
    with _atomic_file(output_dir, VOCABULARY_FILE) as file:
        file.write("".join(f"{t}\n" for t in vocabulary.tokens).encode())
    contents = {}
    for split, files in splits.items():
        counts = [[0, 0, 0] for _ in files]
        for measure in _in_order(measures, split):
            for number, found in measure["sources"].items():
                counts[number] = np.add(counts[number], found).tolist()
        sources = [
            {
                **file,
                **inspected[file["path"]],
                "documents": documents,
                "not_utf8": not_utf8,
                "tokens": length,
            }
            for file, (documents, not_utf8, length) in zip(
                files, counts, strict=True
            )
        ]
        entries = [
            shard for s, _, shard in sorted(shards, key=_place) if s == split
        ]
        contents[split] = (sources, entries)
    manifest = make_manifest(settings, vocabulary, None, contents)
    with _atomic_file(output_dir, MANIFEST_FILE) as file:
        file.write(json_bytes(manifest))


def _place(shard):
    return shard[:2]
