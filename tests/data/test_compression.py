import bz2
import gzip
import io
import lzma
import zipfile

import numpy as np
import pytest

from ulmfit_keras.data.compression import compression
from ulmfit_keras.data.corpus.documents import read_documents
from ulmfit_keras.data.errors import DataError
from ulmfit_keras.data.tables import read_table
from ulmfit_keras.data.text_files import decode

TEXT = b"The cat sat.\n\nThe dog.\n"


def _zstandard(data):
    pyarrow = pytest.importorskip("pyarrow")
    return pyarrow.compress(data, codec="zstd", asbytes=True)


def _zip(data):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.txt", data)
    return file.getvalue()


def _numpy(data):
    file = io.BytesIO()
    np.save(file, np.frombuffer(data, np.uint8))
    return file.getvalue()


def _parquet(data):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    file = io.BytesIO()
    parquet.write_table(pyarrow.table({"text": [data]}), file)
    return file.getvalue()


COMPRESSORS = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": _zstandard,
}
OTHERS = {
    ".zip": _zip,
    ".7z": lambda data: b"7z\xbc\xaf\x27\x1c\0\4" + data,
    ".npy": _numpy,
    ".parquet": _parquet,
    ".pdf": lambda data: b"%PDF-1.7\n" + data,
    ".lz4": lambda data: b"\x04\x22\x4d\x18\x64" + data,
    ".xls": lambda data: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + data,
}


@pytest.mark.parametrize("suffix", COMPRESSORS)
def test_a_compressed_file_needs_its_suffix(tmp_path, suffix):
    path = tmp_path / "a.txt"
    path.write_bytes(COMPRESSORS[suffix](TEXT))
    with pytest.raises(DataError, match=rf"opens as a \{suffix} .*that suffix"):
        list(read_documents(path))
    path = path.rename(f"{path}{suffix}")
    assert len(list(read_documents(path))) == 2
    path = path.rename(tmp_path / "a.csv")
    with pytest.raises(DataError, match=rf"opens as a \{suffix} .*that suffix"):
        read_table(path, encoding="latin-1")


@pytest.mark.parametrize("suffix", OTHERS)
def test_what_holds_no_text_is_refused_by_any_name(tmp_path, suffix):
    data = OTHERS[suffix](TEXT)
    for name, content in (("a.txt", data), ("a.gz", gzip.compress(data))):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(DataError, match=rf"a \{suffix} file .*the text"):
            list(read_documents(path))
    with pytest.raises(DataError, match=rf"a \{suffix} file"):
        decode(data, "latin-1", "a.csv")


def test_a_file_compressed_twice_is_refused(tmp_path):
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(gzip.compress(TEXT)))
    with pytest.raises(DataError, match="Take the text out"):
        list(read_documents(path))


def test_text_may_open_nearly_as_a_compressed_file(tmp_path):
    path = tmp_path / "a.txt"
    for text in ("BZh9 is how a file opens.", "PK", "7z", "PAR1 is", "%PDF-s"):
        path.write_text(text)
        assert list(read_documents(path)) == [text]


def test_the_suffix_tells_how_a_file_is_read():
    assert compression("a/b.txt.XZ") == ".xz"
    assert compression("a.gz/b.txt") is None
