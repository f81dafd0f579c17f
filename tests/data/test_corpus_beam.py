import gzip
import json
import pathlib

import pytest

pytest.importorskip("apache_beam")

from ulmfit_keras.data.corpus import beam
from ulmfit_keras.data.corpus import beam_steps
from ulmfit_keras.data.corpus.preparation import prepare_corpus
from ulmfit_keras.data.errors import DataError
from ulmfit_keras.data.token_shards import TokenShards
from ulmfit_keras.text.vocabulary import Vocabulary
from ulmfit_keras.text.word_splitting import SPECIAL_TOKENS

DOCUMENTS = [
    "The cat sat on the mat.\nThe dog didn't.",
    "Sooooo, THE DOG said: ha ha ha! 日本 &amp; so on",
    *(f"Number {i} is followed by {i + 1} — Ünïcode" for i in range(40)),
]
OPTIONS = {"min_count": 1, "vocabulary_size": 60, "shard_tokens": 100}


@pytest.fixture
def files(tmp_path):
    """Small corpus files of all forms, cut to runs that are smaller yet."""
    text = "\n\n".join(DOCUMENTS[:20]).encode() + b"\n\nb\xe4d\n"
    (tmp_path / "train-0.txt").write_bytes(text)
    text = "".join(f'<doc id="1">\n{t}\n</doc>\n' for t in DOCUMENTS[20:30])
    (tmp_path / "train-1.gz").write_bytes(gzip.compress(text.encode()))
    lines = [json.dumps({"text": text}) for text in DOCUMENTS[30:]]
    (tmp_path / "train-2.jsonl").write_text("\n".join(lines))
    (tmp_path / "valid.txt").write_text("\n\n".join(DOCUMENTS[:4]))
    return tmp_path


def _contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("given", [False, True])
def test_beam_writes_the_same_bytes(files, monkeypatch, given):
    monkeypatch.setattr(beam, "RUN_BYTES", 300)
    monkeypatch.setattr(beam_steps, "_WORDS_AT_ONCE", 5)
    monkeypatch.setattr(beam_steps, "_TOKENS_AT_ONCE", 30)
    options = dict(OPTIONS)
    if given:
        options["tokenizer"] = _Given(Vocabulary([*SPECIAL_TOKENS, "the"]))
    expected = prepare_corpus(
        files / "local",
        sorted(files.glob("train*")),
        valid=[files / "valid.txt"],
        verbose=False,
        **options,
    )
    manifest = beam.prepare_corpus_on_beam(
        str(files / "beam"),
        [str(files / "train*")],
        valid=[str(files / "valid.txt")],
        **options,
    )
    assert manifest == expected
    assert _contents(files / "beam") == _contents(files / "local")
    assert len(manifest["splits"]["train"]["shards"]) > 2
    TokenShards(files / "beam").verify()


class _Given:
    """As much of a tokenizer as is looked at."""

    def __init__(self, vocabulary):
        self.vocabulary = vocabulary
        self.encoder = None


def test_wrong_requests_are_told(files):
    train, copy = str(files / "train-0.txt"), files / "copy.txt"
    copy.write_bytes(pathlib.Path(train).read_bytes())
    out = str(files / "out")
    prepare = beam.prepare_corpus_on_beam
    with pytest.raises(ValueError, match="Received: tokenizer='sentence"):
        prepare(out, [train], tokenizer="sentencepiece")
    with pytest.raises(DataError, match="none that match"):
        prepare(out, [train, str(files / "*.csv")])
    with pytest.raises(DataError, match="named once"):
        prepare(out, [train, train])
    with pytest.raises(Exception, match="which are equal"):
        prepare(out, [train], valid=[str(copy)])
    (files / "empty.txt").write_text("\n")
    with pytest.raises(Exception, match="must hold text"):
        prepare(out, [str(files / "empty.txt")])
    prepare_corpus(files / "done", [train], verbose=False)
    with pytest.raises(DataError, match="finished corpus"):
        prepare(str(files / "done"), [train])
