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
}


@pytest.mark.parametrize("suffix", COMPRESSORS)
def test_a_compressed_file_needs_its_suffix(tmp_path, suffix):
    path = tmp_path / "a.txt"
    path.write_bytes(COMPRESSORS[suffix](TEXT))
    with pytest.raises(DataError, match=rf"opens as a \{suffix} .*that suffix"):
        list(read_documents(path))
    path = path.rename(f"{path}{suffix}")
    assert len(list(read_documents(path))) == 2


@pytest.mark.parametrize("suffix", OTHERS)
def test_what_holds_no_text_is_refused_by_any_name(tmp_path, suffix):
    data = OTHERS[suffix](TEXT)
    for name, content in (("a.txt", data), ("a.gz", gzip.compress(data))):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(DataError, match=rf"a \{suffix} file .*the text"):
            list(read_documents(path))


def test_a_file_compressed_twice_is_refused(tmp_path):
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(gzip.compress(TEXT)))
    with pytest.raises(DataError, match="Take the text out"):
        list(read_documents(path))


def test_text_may_open_nearly_as_a_compressed_file(tmp_path):
    path = tmp_path / "a.txt"
    for text in ("BZh9 is how a file opens.", "PK", "7z"):
        path.write_text(text)
        assert list(read_documents(path)) == [text]


def test_the_suffix_tells_how_a_file_is_read():
    assert compression("a/b.txt.XZ") == ".xz"
    assert compression("a.gz/b.txt") is None
