"""The steps from corpus files to shards, shared out to processes."""

import re
import zlib

from ulmfit_keras.data.corpus.counts import count_words_between
from ulmfit_keras.data.corpus.counts import most_frequent
from ulmfit_keras.data.corpus.counts import plan_counts
from ulmfit_keras.data.corpus.documents import read_documents
from ulmfit_keras.data.corpus.pieces import plan_runs
from ulmfit_keras.data.corpus.pieces import tokenize_run
from ulmfit_keras.data.corpus.shards import measure_piece
from ulmfit_keras.data.corpus.shards import plan_shards
from ulmfit_keras.data.corpus.shards import shard_name
from ulmfit_keras.data.corpus.shards import write_shard
from ulmfit_keras.data.errors import DataError
from ulmfit_keras.text.encoders import SentencePieceEncoder
from ulmfit_keras.text.sentence_piece_training import train_sentencepiece

RUN_BYTES = 1 << 25
# SentencePiece takes some 0.1 GB of memory to learn from a million.
_SAMPLE_WORDS = 3_000_000
# Up to white space, where there is some.
_PART = re.compile(r".{1,1000}(?=\s|$)|.{1,1000}", re.DOTALL)


def tokenize_sources(split, sources, folder, join_ideographs, pool):
    """Cut the files of a split into words.

    Args:
        split: its name.
        sources: list of dicts, see `inspect_source`; they get the numbers of
            their `documents` and of those that are `not_utf8`.
        folder: where to write pieces.
        join_ideographs: see `split_words`.
        pool: a `WatchedPool`.

    Returns:
        What `tokenize_run` returns, for all pieces in the order of the text;
        each has also got its `sources`.

    Raises:
        DataError: if there are no documents.
    """
    runs = plan_runs(sources, RUN_BYTES, join_ideographs)
    found = pool.results(
        f"Cutting {split!r} into words",
        tokenize_run,
        [
            {
                **run._asdict(),
                "folder": str(folder),
                "max_characters": RUN_BYTES,
                "join_ideographs": join_ideographs,
            }
            for run in runs
        ],
        [
            sum(
                (sources[number]["bytes"] if last is None else last) - first
                for number, _, _, first, last in run.spans
            )
            for run in runs
        ],
        unit="MB",
        scale=10**6,
    )
    for source in sources:
        source.update(documents=0, not_utf8=0, tokens=0)
    pieces = []
    for run, run_pieces in zip(runs, found, strict=True):
        for piece in run_pieces:
            piece["sources"] = []
            for place, documents, not_utf8 in piece["spans"]:
                source = sources[run.spans[place][0]]
                source["documents"] += documents
                source["not_utf8"] += not_utf8
                piece["sources"].append(source)
            pieces.append(piece)
    if not pieces:
        raise DataError(
            f"The files of {split!r} must hold text. Received: "
            f"{len(sources)} files without a document"
        )
    return pieces


def learn_tokenizer(kind, sources, pieces, settings, pool):
    """Learn a vocabulary.

    Args:
        kind: `"words"` or `"sentencepiece"`.
        sources: of the training files.
        pieces: of the training files.
        settings: see `make_settings`.
        pool: a `WatchedPool`.

    Returns:
        (vocabulary, model): a `Vocabulary`, and bytes or None.
    """
    min_count, size = settings["min_count"], settings["vocabulary_size"]
    if kind == "sentencepiece":
        model = train_sentencepiece(_sample(sources, pieces), size)
        return SentencePieceEncoder(model).vocabulary, model
    tasks = [
        {**task, "min_count": min_count, "size": size}
        for task in plan_counts(pieces)
    ]
    counted = pool.stream(
        "Counting words",
        count_words_between,
        tasks,
        [len(pieces)] * len(tasks),
    )
    shares = (share for _, share in counted)
    return most_frequent(shares, min_count, size), None


def _sample(sources, pieces):
    """Parts of documents to learn pieces of words from.

    A part is in the sample by its checksum, wherever it stands. They are
    short, since a file without blank lines is a few documents only.
    """
    stride = -(-sum(piece["tokens"] for piece in pieces) // _SAMPLE_WORDS)
    for source in sources:
        for text in read_documents(source["path"]):
            for part in _PART.findall(text):
                if zlib.crc32(part.encode("utf-8")) % stride == 0:
                    yield part


def write_shards(
    split, sources, pieces, encoding, settings, folder, work_folder, pool
):
    """Write the shards of a split.

    Args:
        split: its name.
        sources: list of dicts, which get the numbers of their `tokens`.
        pieces: list of dicts, see `tokenize_sources`.
        encoding: (path, SHA-256) of the vocabulary or SentencePiece model.
        settings: see `make_settings`.
        folder: where to write.
        work_folder: where to note what is finished.
        pool: a `WatchedPool`.

    Returns:
        What `write_shard` returns for each.
    """
    paths = [piece["path"] for piece in pieces]
    measures = pool.results(
        f"Counting the tokens of {split!r}",
        measure_piece,
        [{"path": path, "encoding": encoding} for path in paths],
        [1] * len(paths),
    )
    for piece, measure in zip(pieces, measures, strict=True):
        for source, tokens in zip(
            piece["sources"], measure["span_tokens"], strict=True
        ):
            source["tokens"] += tokens
    plan = plan_shards(measures, settings["shard_tokens"])
    tasks = [
        {
            "folder": str(folder),
            "name": shard_name(split, number, plan.count),
            "work_folder": str(work_folder),
            "parts": [(paths[i], plan.offsets[i]) for i in plan.parts(number)],
            "between": plan.between(number),
            "encoding": encoding,
        }
        for number in range(plan.count)
    ]
    return pool.results(
        f"Writing the shards of {split!r}",
        write_shard,
        tasks,
        [plan.tokens] * plan.count,
        unit="million tokens",
        scale=10**6,
    )
