import bz2
import gzip
import importlib.util
import io
import json
import lzma
import tempfile
import tracemalloc

import pytest
from hypothesis import example
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from ulmfit_keras.data.corpus import documents as corpus
from ulmfit_keras.data.corpus.documents import detect_format
from ulmfit_keras.data.corpus.documents import read_documents
from ulmfit_keras.data.corpus.documents import read_span
from ulmfit_keras.data.errors import DataError

CORPUS = "= One =\nThe cat.\n\n\n= Two =\nthe dog\n\n"
ARTICLES = [("One", "The cat.\n\nIt sat."), ("Ünü", "the dog\n")]


def _zstandard(data):
    pyarrow = pytest.importorskip("pyarrow")
    return pyarrow.compress(data, codec="zstd", asbytes=True)


COMPRESSORS = {
    "a.gz": gzip.compress,
    "a.bz2": bz2.compress,
    "a.xz": lzma.compress,
    "a.zst": _zstandard,
    "a.TXT.XZ": lzma.compress,
}


@pytest.mark.parametrize("name", COMPRESSORS)
def test_documents_end_at_blank_lines(tmp_path, name):
    path, compress = tmp_path / name, COMPRESSORS[name]
    data = CORPUS.encode()
    # Several compressed files one after the other are one, too.
    path.write_bytes(compress(data[:20]) + compress(data[20:]))
    assert list(read_documents(path)) == [
        "= One =\nThe cat.\n",
        "= Two =\nthe dog\n",
    ]


@pytest.mark.parametrize("name", ["a.txt", "a.gz"])
def test_a_file_may_be_larger_than_the_memory(tmp_path, name):
    data = (b"The cat sat on the mat. " * 40 + b"\n\n") * 10_000
    compress = COMPRESSORS.get(name, bytes)
    path = tmp_path / name
    path.write_bytes(compress(data))
    size = len(data)
    del data
    tracemalloc.start()
    try:
        count = sum(1 for _ in read_documents(path))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 10_000
    assert peak < size / 5


def test_both_forms_of_wikiextractor_are_read(tmp_path):
    text, lines = tmp_path / "wiki_00", tmp_path / "wiki_01"
    text.write_text(
        "".join(
            f'<doc id="{i}" title="{title}">\n{title}\n\n{body}\n</doc>\n'
            for i, (title, body) in enumerate(ARTICLES)
        ),
        encoding="utf-8",
    )
    lines.write_text(
        "".join(
            json.dumps({"id": i, "title": title, "text": body}) + "\n\n"
            for i, (title, body) in enumerate(ARTICLES)
        ),
        encoding="utf-8",
    )
    expected = [f"{title}\n\n{body}".split() for title, body in ARTICLES]
    for path in (text, lines):
        assert [d.split() for d in read_documents(path)] == expected


def test_title_that_opens_the_text_is_not_repeated(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"title": "One", "text": "One\\n\\nThe cat."}\n')
    assert list(read_documents(path)) == ["One\n\nThe cat."]


_LINES = st.sampled_from(
    [
        b"\n",
        b"\n",
        b" \t\r\n",
        b"a\n",
        b"two words \xc3\xa9\n",
        "日本語".encode() * 9 + b"\n",
        b"\xff\xc3\n",
        b"no end",
        b'<doc id="1">\n',
        b"</doc>\n",
        b"<doc id=2",
    ]
)
_JSON_LINES = st.sampled_from(
    [b"\n", b'{"text": "a"}\n', b'{"title": "\\u00e9", "text": "b c"}\n']
)


@settings(deadline=None, max_examples=300)
@given(
    st.lists(_LINES, max_size=30) | st.lists(_JSON_LINES, max_size=10),
    st.lists(st.integers(1, 400), max_size=5),
    st.sampled_from([7, 1 << 20]),
    st.sampled_from([20, 1 << 22]),
)
def test_any_cut_of_a_file_gives_its_documents(lines, cuts, line, document):
    data = b"".join(lines)
    edges = [0, *sorted(cut for cut in set(cuts) if cut < len(data))]
    with (
        tempfile.NamedTemporaryFile() as file,
        pytest.MonkeyPatch.context() as m,
    ):
        m.setattr(corpus, "_LINE_BYTES", line)
        m.setattr(corpus, "MAX_DOCUMENT_BYTES", document)
        file.write(data)
        file.flush()
        form = detect_format(file.name)
        whole = list(read_span(file.name, form))
        parts = [
            found
            for first, last in zip(edges, [*edges[1:], None], strict=True)
            for found in read_span(file.name, form, first, last)
        ]
    assert parts == whole
    if form == corpus.TEXT:
        # Nothing but blank lines is left out.
        text = "".join(found.text for found in whole)
        kept = data.decode("utf-8", "replace")
        assert "".join(text.split()) == "".join(kept.split())


@example(" aaéé日\U0001f600\U0001f600")
@given(st.text(alphabet="aé日\U0001f600 \n", min_size=1, max_size=200))
def test_long_documents_are_cut_between_characters(text):
    lines = io.BytesIO(text.encode())
    with pytest.MonkeyPatch.context() as m:
        m.setattr(corpus, "MAX_DOCUMENT_BYTES", 16)
        m.setattr(corpus, "_LINE_BYTES", 5)
        parts = list(
            corpus._raw_documents(
                corpus._lines(lines, 0), corpus.TEXT, True, None, ""
            )
        )
    assert all(len(part) <= 16 for part in parts)
    cut = "".join(part.decode("utf-8", "strict") for part in parts)
    assert "".join(cut.split()) == "".join(text.split())


def test_a_long_json_text_is_cut(tmp_path, monkeypatch):
    monkeypatch.setattr(corpus, "MAX_DOCUMENT_BYTES", 8)
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "a b c d e f g"}\n')
    assert list(read_documents(path)) == ["a b c d ", "e f g"]
    monkeypatch.setattr(corpus, "_MAX_JSON_BYTES", 10)
    with pytest.raises(DataError, match="one document a line"):
        list(read_documents(path))


def test_what_is_not_utf8_is_replaced_and_told(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xef\xbb\xbfgood\n\nb\xe4d\n")
    assert list(read_span(str(path), "text")) == [
        ("good\n", True),
        ("b\ufffdd\n", False),
    ]


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.txt", "text".encode("utf-16"), "must be UTF-8"),
        # Without the time of day, which would be in the test's name.
        ("a.gz", gzip.compress(b"text" * 999, mtime=0)[:-9], "damaged"),
        ("a.xz", lzma.compress(b"text" * 999)[:-9], "damaged"),
        ("a.bz2", b"text", "damaged"),
        ("a.jsonl", b'{"text": "a"}\n{"text": ', r"Received: '\{\"text\": '"),
        ("a.jsonl", b'{"body": "a"}\n', 'string "text"'),
        ("a.jsonl", b'{"text": 1}\n', "not a string"),
        ("a.json", b'[\n {"text": "a"}\n]\n', "must hold an object a line"),
        ("a.JSON.gz", gzip.compress(b'{\n "text": "a"\n}', mtime=0), "jq -c"),
    ],
)
def test_bad_files_are_told(tmp_path, name, data, message):
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(DataError, match=message):
        list(read_documents(path))


def test_zstandard_tells_what_it_needs(tmp_path, monkeypatch):
    path = tmp_path / "a.zst"
    path.write_bytes(b"")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match="needs pyarrow"):
        list(read_documents(path))
