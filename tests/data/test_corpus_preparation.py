import gzip
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from ulmfit_keras import folder_lock
from ulmfit_keras.data.corpus import counts
from ulmfit_keras.data.corpus import pieces
from ulmfit_keras.data.corpus import preparation
from ulmfit_keras.data.corpus import steps
from ulmfit_keras.data.corpus import workers
from ulmfit_keras.data.corpus.documents import Document
from ulmfit_keras.data.corpus.documents import read_documents
from ulmfit_keras.data.corpus.manifest import source_names
from ulmfit_keras.data.corpus.preparation import prepare_corpus
from ulmfit_keras.data.corpus.shards import plan_shards
from ulmfit_keras.data.corpus.shards import shard_dtype
from ulmfit_keras.data.corpus.workers import WorkerPool
from ulmfit_keras.data.errors import DataError
from ulmfit_keras.data.token_shards import TokenShards
from ulmfit_keras.text.vocabulary import Vocabulary
from ulmfit_keras.text.word_splitting import SPECIAL_TOKENS
from ulmfit_keras.text.word_splitting import split_words

DOCUMENTS = [
    "The cat sat on the mat.\nThe dog didn't.",
    "A",
    "Sooooo, THE DOG said: ha ha ha! 日本 <br /> &amp; so on",
    *(f"Number {i} is followed by {i + 1} — Ünïcode" for i in range(30)),
]


def _write(path, documents, form="text"):
    if form == "json":
        lines = [json.dumps({"text": text}) for text in documents]
        data = "\n".join(lines)
    elif form == "wikiextractor":
        data = "".join(f'<doc id="1">\n{t}\n</doc>\n' for t in documents)
    else:
        data = "\n\n".join(documents)
    path = pathlib.Path(path)
    data = data.encode("utf-8", "surrogatepass")
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def _contents(folder):
    return {
        path.name: path.read_bytes()
        for path in pathlib.Path(folder).iterdir()
        if path.is_file()
    }


@pytest.fixture
def small_work(monkeypatch):
    """Cut the work so that small texts go all ways."""
    monkeypatch.setattr(steps, "RUN_BYTES", 300)
    monkeypatch.setattr(counts, "WORDS_AT_ONCE", 40)


def _prepare(folder, train, **options):
    options = {"min_count": 1, "shard_tokens": 100, "verbose": False} | options
    return prepare_corpus(folder, train, **options)


_TEXTS = st.text(
    alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\n")
    | st.sampled_from("aAbB '.!x1 "),
    min_size=1,
    max_size=60,
).filter(lambda text: text.encode().strip() and text[0] not in "{<\ufeff")


@settings(deadline=None, max_examples=30)
@given(
    st.lists(_TEXTS, min_size=1, max_size=12),
    st.lists(st.integers(0, 11), max_size=3),
    st.sampled_from(["text", "json", "wikiextractor"]),
    st.sampled_from(["", ".gz"]),
    st.integers(20, 200),
    st.integers(1, 60),
    st.integers(10, 50),
    st.integers(8, 30),
)
def test_documents_round_trip_however_they_are_cut(
    documents, cuts, form, suffix, run_bytes, shard_tokens, at_once, size
):
    edges = [0, *sorted(set(cuts) - {0}), len(documents)]
    words = [split_words(text) for text in documents]
    longest = 1 + max(map(len, words))
    vocabulary = Vocabulary.build(
        Vocabulary.count(documents), min_count=1, max_size=size
    )
    expected = [
        token if token in vocabulary else "xxunk"
        for document in words
        for token in ("xxbos", *document)
    ]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        paths = [
            _write(folder / f"{i}{suffix}", documents[first:last], form)
            for i, (first, last) in enumerate(
                zip(edges[:-1], edges[1:], strict=True)
            )
            if documents[first:last]
        ]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(steps, "RUN_BYTES", run_bytes)
            patch.setattr(counts, "WORDS_AT_ONCE", at_once)
            patch.setattr(os, "fsync", lambda file: None)  # for speed
            manifest = _prepare(
                folder / "out",
                paths,
                vocabulary_size=size,
                shard_tokens=shard_tokens,
            )
        shards = TokenShards(folder / "out")
        shards.verify()
        assert shards.vocabulary == vocabulary
        ids = np.asarray(shards)
        assert [vocabulary.tokens[i] for i in ids] == expected
        train = manifest["splits"]["train"]
        assert train["documents"] == len(documents)
        assert train["tokens"] == len(expected)
        assert train["unknown"] == expected.count("xxunk")
        for key in ("documents", "tokens"):
            assert sum(s[key] for s in train["sources"]) == train[key]
        for shard in train["shards"]:
            assert np.load(folder / "out" / shard["file"])[0] == 2
            assert shard["tokens"] < max(shard_tokens, longest) + longest


def test_work_is_cut_and_shared_without_a_trace(
    tmp_path, small_work, monkeypatch
):
    train = [
        _write(tmp_path / "a.txt", DOCUMENTS[:20]),
        _write(tmp_path / "b.txt.gz", DOCUMENTS[20:30]),
        _write(tmp_path / "c.txt", DOCUMENTS[30:]),
    ]
    valid = [_write(tmp_path / "valid.txt", DOCUMENTS[:3])]
    expected = _prepare(tmp_path / "one", train, valid=valid)
    # What a worker process must not import, it cannot.
    blocked = tmp_path / "blocked"
    blocked.mkdir()
    for name in ("keras", "keras_hub", "tensorflow", "jax", "torch"):
        (blocked / f"{name}.py").write_text("raise ImportError('blocked')")
    monkeypatch.setenv("PYTHONPATH", str(blocked))
    manifest = _prepare(tmp_path / "three", train, valid=valid, processes=3)
    assert manifest == expected
    contents = _contents(tmp_path / "three")
    assert contents == _contents(tmp_path / "one")
    assert len(contents) > 6
    assert not (tmp_path / "three" / "unfinished").exists()
    # One process, all in one piece:
    monkeypatch.undo()
    _prepare(tmp_path / "whole", train, valid=valid)
    assert _contents(tmp_path / "whole") == contents


class _Killed(Exception):
    pass


def _fail(*args, **kwargs):
    raise _Killed


def test_killed_anywhere_it_continues(tmp_path, small_work, monkeypatch):
    train = [_write(tmp_path / "a.txt", DOCUMENTS)]
    valid = [_write(tmp_path / "b.txt", DOCUMENTS[:5])]
    _prepare(tmp_path / "whole", train, valid=valid)
    expected = _contents(tmp_path / "whole")
    replace, folder = os.replace, tmp_path / "killed"
    kills = 0
    while True:
        left = kills

        def replace_until_killed(source, target):
            nonlocal left
            if not left:
                raise _Killed
            left -= 1
            replace(source, target)

        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", replace_until_killed)
            try:
                _prepare(folder, train, valid=valid)
                break
            except _Killed:
                kills += 1
        with pytest.raises(DataError, match="again to continue"):
            TokenShards(folder)
        killed = sorted((folder / "unfinished").iterdir())
        # Damage what is there in one of several ways.
        victim = killed[kills % len(killed)]
        data = bytearray(victim.read_bytes())
        if kills % 3 == 0:
            victim.write_bytes(data[: kills % 97])
        elif kills % 3 == 1:
            victim.unlink()
        elif victim.suffix == ".npz":
            data[len(data) // 4] ^= 1
            victim.write_bytes(data)
        _prepare(folder, train, valid=valid)
        assert _contents(folder) == expected
        shutil.rmtree(folder)
    assert kills > 20
    assert _contents(folder) == expected


# Without the packages themselves, which load Keras: half a second, not ten.
_PREPARE = """
import pathlib, runpy, sys

workers = pathlib.Path(sys.argv[1])
runpy.run_path(str(workers))["_import_bare"](workers.parents[2])

from ulmfit_keras.data.corpus import preparation, steps

steps.RUN_BYTES = 300
preparation.prepare_corpus(
    sys.argv[2], sys.argv[3:], processes=2,
    min_count=1, shard_tokens=100, verbose=False,
)
"""


def test_killed_by_the_system_it_continues(tmp_path, small_work):
    train, folder = _write(tmp_path / "a.txt", DOCUMENTS * 8), tmp_path / "out"
    _prepare(tmp_path / "whole", [train])
    command = [
        sys.executable, "-c", _PREPARE, workers.__file__, folder, train,
    ]  # fmt: skip
    for files in (2, 9, 20):
        with subprocess.Popen(command) as process:
            while process.poll() is None and files > len(
                list(folder.glob("unfinished/*"))
            ):
                time.sleep(0.005)
            process.kill()
        assert process.returncode == -signal.SIGKILL
        with pytest.raises(DataError, match="again to continue"):
            TokenShards(folder)
    _prepare(folder, [train])
    assert _contents(folder) == _contents(tmp_path / "whole")


def test_finished_work_is_not_done_again(tmp_path, small_work, monkeypatch):
    train = [_write(tmp_path / "a.txt", DOCUMENTS)]
    folder = tmp_path / "out"

    with monkeypatch.context() as patch:
        patch.setattr(steps, "plan_shards", _fail)
        with pytest.raises(_Killed):
            _prepare(folder, train)
    monkeypatch.setattr(pieces, "split_words", _fail)
    monkeypatch.setattr(pieces, "word_rules_fingerprint", lambda: "")
    with pytest.raises(_Killed):  # other rules: the words must be cut again
        _prepare(folder, train)
    monkeypatch.undo()
    monkeypatch.setattr(steps, "RUN_BYTES", 300)
    pieces.word_rules_fingerprint()  # is cached
    monkeypatch.setattr(pieces, "split_words", _fail)
    _prepare(folder, train)
    before = {p.name: p.stat().st_mtime_ns for p in folder.iterdir()}
    _prepare(folder, train)
    assert before == {p.name: p.stat().st_mtime_ns for p in folder.iterdir()}


def test_shards_of_another_vocabulary_are_written_again(tmp_path, monkeypatch):
    train = [_write(tmp_path / "a.txt", DOCUMENTS)]
    folder, options = tmp_path / "out", {"vocabulary_size": 30}
    with monkeypatch.context() as patch:
        patch.setattr(preparation, "make_manifest", _fail)
        with pytest.raises(_Killed):
            _prepare(folder, train)
    _prepare(folder, train, **options)
    _prepare(tmp_path / "new", train, **options)
    assert _contents(folder) == _contents(tmp_path / "new")


def test_shards_of_other_settings_do_not_stay(tmp_path):
    train = [_write(tmp_path / "a.txt", DOCUMENTS)]
    folder = tmp_path / "out"
    _prepare(folder, train, shard_tokens=50)
    (folder / "manifest.json").unlink()
    (folder / "mine.npy").write_bytes(b"")
    manifest = _prepare(folder, train, shard_tokens=1000)
    assert len(manifest["splits"]["train"]["shards"]) == 1
    assert len(list(folder.glob("*.npy"))) == 2


def test_a_folder_of_another_corpus_is_left_alone(tmp_path):
    path = _write(tmp_path / "a.txt", DOCUMENTS)
    folder = tmp_path / "out"
    _prepare(folder, [path])
    with pytest.raises(DataError, match="other settings"):
        _prepare(folder, [path], vocabulary_size=20)
    _write(path, DOCUMENTS[1:])
    with pytest.raises(DataError, match="other files"):
        _prepare(folder, [path])
    TokenShards(folder).verify()


def test_a_renamed_file_is_the_same_if_it_is_read_alike(tmp_path):
    path, folder = _write(tmp_path / "a.txt.gz", DOCUMENTS), tmp_path / "out"
    manifest = _prepare(folder, [path])
    path = path.rename(tmp_path / "b.GZ")
    assert _prepare(folder, [path]) == manifest
    # As if it had been taken for plain text.
    manifest["splits"]["train"]["sources"][0]["name"] = "a.txt"
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(DataError, match="other files"):
        _prepare(folder, [path])


def test_runs_are_told_apart_by_how_their_files_are_read():
    def key(path):
        source = {"path": path, "format": "text", "bytes": 9, "sha256": "0"}
        return pieces.plan_runs([source], 100, False)[0].key

    assert key("a.txt") == key("b/c.text")
    assert key("a.gz") == key("b/c.GZ")
    assert len({key("a.txt"), key("a.gz"), key("a.xz")}) == 3


_HOLD = """
import fcntl, os, sys, time
fcntl.flock(os.open(sys.argv[1], os.O_RDONLY), fcntl.LOCK_EX)
print("held", flush=True)
time.sleep(600)
"""


def test_a_run_waits_for_another_in_its_folder_until_that_is_gone(
    tmp_path, monkeypatch
):
    pytest.importorskip("fcntl")
    path, folder = _write(tmp_path / "a.txt", DOCUMENTS), tmp_path / "out"
    folder.mkdir()
    warned = []
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(folder)], stdout=subprocess.PIPE
    ) as other:

        def warn(message, **kwargs):
            warned.append(message)
            other.kill()

        monkeypatch.setattr(folder_lock.warnings, "warn", warn)
        try:
            assert other.stdout.readline() == b"held\n"
            _prepare(folder, [path])
        finally:
            other.kill()
    assert len(warned) == 1 and f"works in {folder}" in warned[0]
    TokenShards(folder).verify()


def test_wrong_files_are_told(tmp_path):
    path = _write(tmp_path / "a.txt", DOCUMENTS)
    copy = _write(tmp_path / "b.txt", DOCUMENTS)
    empty = _write(tmp_path / "c.txt", [])
    folder = tmp_path / "out"
    with pytest.raises(DataError, match="at least one"):
        _prepare(folder, [])
    with pytest.raises(DataError, match="named once"):
        _prepare(folder, [path, path])
    with pytest.raises(DataError, match="named once"):
        _prepare(folder, [path, f"{tmp_path}/../{tmp_path.name}/a.txt"])
    with pytest.raises(DataError, match="must be files"):
        _prepare(folder, [tmp_path])
    (tmp_path / "wide.txt").write_bytes("one two\n".encode("utf-16-le"))
    with pytest.raises(DataError, match="opens as utf-16-le"):
        _prepare(folder, [tmp_path / "wide.txt"])
    (tmp_path / "packed.txt").write_bytes(gzip.compress(b"one two"))
    with pytest.raises(DataError, match=r"packed.txt must be text.* \.gz"):
        _prepare(folder, [tmp_path / "packed.txt"])
    with pytest.raises(DataError, match="which are equal"):
        _prepare(folder, [path], valid=[copy])
    with pytest.raises(DataError, match="must hold text"):
        _prepare(folder, [path], valid=[empty])
    with pytest.raises(FileNotFoundError):
        _prepare(folder, [tmp_path / "missing"])
    with pytest.raises(ValueError, match="Received: tokenizer='letters'"):
        _prepare(folder, [path], tokenizer="letters")


def test_errors_of_worker_processes_are_raised(tmp_path):
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(b"text" * 999)[:-9])
    with pytest.raises(DataError, match="a.gz is damaged"):
        _prepare(tmp_path / "out", [path], processes=2)


def test_death_of_a_worker_process_is_told():
    with WorkerPool(2) as pool:
        for worker in pool._workers:
            worker.kill()
        with pytest.raises(RuntimeError, match="keep|kept"):
            list(pool.run(pieces.read_json, [{}]))


def test_bytes_that_are_not_utf8_are_counted(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"good\n\nb\xe4d\n\ngood\n")
    manifest = _prepare(tmp_path / "out", [path])
    assert manifest["splits"]["train"]["not_utf8"] == 1
    assert manifest["splits"]["train"]["documents"] == 3


def test_manifest_tells_where_everything_came_from(tmp_path):
    (tmp_path / "AA").mkdir()
    (tmp_path / "AB").mkdir()
    train = [
        _write(tmp_path / "AA" / "wiki_00", DOCUMENTS[:9], "wikiextractor"),
        _write(tmp_path / "AB" / "wiki_00", DOCUMENTS[9:], "json"),
    ]
    _prepare(tmp_path / "out", train, vocabulary_size=40)
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    sources = manifest["splits"]["train"]["sources"]
    assert [s["name"] for s in sources] == ["AA/wiki_00", "AB/wiki_00"]
    assert [s["format"] for s in sources] == ["wikiextractor", "json"]
    assert [s["documents"] for s in sources] == [9, len(DOCUMENTS) - 9]
    for source, path in zip(sources, train, strict=True):
        data = path.read_bytes()
        assert source["bytes"] == len(data)
        assert source["sha256"] == hashlib.sha256(data).hexdigest()
    assert manifest["vocabulary"]["size"] == 40
    assert manifest["dtype"] == "uint16"
    train = manifest["splits"]["train"]
    assert train["unknown_share"] == train["unknown"] / train["tokens"] > 0


def test_names_of_sources_tell_them_apart():
    assert source_names(["a/b/c.txt"]) == ["c.txt"]
    assert source_names(["a/b/c", "a/bb/c"]) == ["b/c", "bb/c"]
    assert source_names(["gs://x/a", "gs://x/b"]) == ["a", "b"]


def test_ids_take_two_bytes_where_they_fit():
    assert shard_dtype(65_536) == "uint16"
    assert shard_dtype(65_537) == "int32"


@given(
    st.lists(
        st.lists(st.integers(1, 30), max_size=9), min_size=1, max_size=9
    ).filter(lambda parts: any(parts)),
    st.integers(1, 100),
)
def test_every_shard_has_documents(parts, shard_tokens):
    measures = [
        {
            "tokens": sum(part),
            "longest": max(part, default=0),
            "last": part[-1] if part else 0,
        }
        for part in parts
    ]
    plan = plan_shards(measures, shard_tokens)
    lengths = [length for part in parts for length in part]
    starts = np.cumsum(lengths) - lengths
    shards = starts // plan.tokens
    assert sorted(set(shards)) == list(range(plan.count))
    # Each part is read for the shards that have documents of it.
    number = 0
    for place, part in enumerate(parts):
        for _ in part:
            assert place in plan.parts(shards[number])
            number += 1


def test_counts_do_not_depend_on_the_memory_they_may_take(tmp_path):
    words = "".join(f"w{i % 97} " for i in range(2000))
    path = _write(tmp_path / "a.txt", [words, "rare"])
    _prepare(tmp_path / "out", [path], min_count=2)
    expected = Vocabulary.build(Vocabulary.count([words, "rare"]), 2)
    assert TokenShards(tmp_path / "out").vocabulary == expected
    assert "rare" not in expected


def test_pieces_of_words(tmp_path, small_work):
    sentencepiece = pytest.importorskip("sentencepiece")
    from ulmfit_keras.text.encoders import SentencePieceEncoder

    path = _write(tmp_path / "a.txt", DOCUMENTS)
    options = {"tokenizer": "sentencepiece", "vocabulary_size": 80}
    _prepare(tmp_path / "out", [path], **options)
    proto = (tmp_path / "out" / "vocabulary.spm").read_bytes()
    encoder = SentencePieceEncoder(proto)
    assert sentencepiece.SentencePieceProcessor(model_proto=proto)
    shards = TokenShards(tmp_path / "out")
    shards.verify()
    assert shards.vocabulary == encoder.vocabulary
    expected = [[2, *encoder.encode(text)] for text in DOCUMENTS]
    assert shards[:].tolist() == sum(expected, [])
    _prepare(tmp_path / "two", [path], processes=2, **options)
    assert _contents(tmp_path / "two") == _contents(tmp_path / "out")


def test_pieces_are_learnt_from_parts_of_documents(tmp_path, monkeypatch):
    """A file without a blank line is one document."""
    pytest.importorskip("sentencepiece")
    monkeypatch.setattr(steps, "_SAMPLE_WORDS", 3000)
    random = np.random.default_rng(0)
    words = "the film was good bad and very great poor song".split()
    lines = [" ".join(random.choice(words, 9)) for _ in range(2000)]
    path = _write(tmp_path / "a.txt", ["\n".join(lines)])
    (text,) = read_documents(path)
    assert zlib.crc32(text.encode()) % 6  # no document would be drawn
    parts = list(steps._sample([{"path": path}], [{"tokens": 18_000}]))
    assert 1000 < sum(len(part.split()) for part in parts) < 9000
    assert set(" ".join(parts).split()) <= set(words)
    options = {"tokenizer": "sentencepiece", "vocabulary_size": 40}
    _prepare(tmp_path / "out", [path], **options)
    assert len(TokenShards(tmp_path / "out").vocabulary) <= 40


class _Given:
    """As much of a tokenizer as is looked at."""

    def __init__(self, vocabulary):
        self.vocabulary = vocabulary
        self.encoder = None


def test_a_vocabulary_can_be_given(tmp_path):
    path = _write(tmp_path / "a.txt", DOCUMENTS)
    vocabulary = Vocabulary([*SPECIAL_TOKENS, "dog", "the"])
    _prepare(tmp_path / "out", [path], tokenizer=_Given(vocabulary))
    shards = TokenShards(tmp_path / "out")
    assert shards.vocabulary == vocabulary
    other = Vocabulary([*SPECIAL_TOKENS, "the"])
    with pytest.raises(DataError, match="other vocabulary"):
        _prepare(tmp_path / "out", [path], tokenizer=_Given(other))


def test_a_piece_ends_where_it_has_many_words(monkeypatch):
    monkeypatch.setattr(pieces, "_MAX_PIECE_WORDS", 5)
    documents = iter((0, Document(f"a{i} b{i} c{i}", True)) for i in range(4))
    made = pieces._make_piece(documents, 10**6, False)
    assert len(made["lengths"]) == 2
    assert len(pieces._make_piece(documents, 10**6, False)["lengths"]) == 2


def test_a_shard_that_was_removed_is_told(tmp_path):
    (tmp_path / "a.txt").write_text("one two\n\nthree\n")
    folder = tmp_path / "corpus"
    manifest = prepare_corpus(folder, tmp_path / "a.txt", verbose=False)
    shard = manifest["splits"]["train"]["shards"][0]["file"]
    (folder / shard).unlink()
    with pytest.raises(DataError, match=f"Received: no {shard}"):
        prepare_corpus(folder, [tmp_path / "a.txt"], verbose=False)


def _damages(manifest):
    """Contents that are not, or not quite, a manifest."""
    yield from ("", "{", "{}", "[]", "null")
    splits = manifest["splits"]
    train, source = splits["train"], splits["train"]["sources"][0]
    for holder, key in (
        (manifest, "settings"),
        (manifest, "splits"),
        (manifest["vocabulary"], "fingerprint"),
        (splits, "train"),
        (train, "shards"),
        (train["shards"][0], "file"),
        (source, "sha256"),
        (splits["valid"], "sources"),
    ):
        kept = holder.pop(key)
        yield json.dumps(manifest)
        for wrong in (None, []):
            holder[key] = wrong
            yield json.dumps(manifest)
        holder[key] = kept


def test_a_damaged_manifest_is_told(tmp_path):
    train = _write(tmp_path / "a.txt", DOCUMENTS)
    valid = _write(tmp_path / "b.txt", DOCUMENTS[:3])
    folder = tmp_path / "out"
    manifest = _prepare(folder, train, valid=valid)
    for content in _damages(manifest):
        (folder / "manifest.json").write_text(content)
        for read in (
            lambda: TokenShards(folder),
            lambda: _prepare(folder, train, valid=valid),
        ):
            with pytest.raises(DataError, match="manifest.json is damaged"):
                read()
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert _prepare(folder, train, valid=valid) == manifest


def test_progress_is_shown_on_demand(tmp_path, capsys):
    path = _write(tmp_path / "a.txt", DOCUMENTS)
    _prepare(tmp_path / "silent", [path])
    assert capsys.readouterr().out == ""
    _prepare(tmp_path / "verbose", [path], verbose=True)
    shown = capsys.readouterr().out
    titles = (
        "Looking at the files",
        "Cutting 'train' into words",
        "Counting words",
        "Counting the tokens of 'train'",
        "Writing the shards of 'train'",
    )
    places = [shown.index(title) for title in titles]
    assert places == sorted(places)
    # Every bar comes to its end.
    for bar in re.split("|".join(titles), shown)[1:]:
        done, total = re.findall(r"(\d+)/(\d+)", bar)[-1]
        assert done == total


def test_a_vocabulary_that_was_removed_is_told(tmp_path):
    (tmp_path / "a.txt").write_text("one two\n\nthree\n")
    folder = tmp_path / "corpus"
    prepare_corpus(folder, tmp_path / "a.txt", verbose=False)
    (folder / "vocabulary.txt").unlink()
    with pytest.raises(DataError, match="Received: no vocabulary.txt"):
        prepare_corpus(folder, [tmp_path / "a.txt"], verbose=False)
