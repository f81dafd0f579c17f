"""How files are compressed, by their names and by how they open.

The name decides how a file is read. How it opens tells where the name is
wrong: what is compressed must not be taken for text.
"""

import bz2
import gzip
import importlib.util
import io
import lzma
import os
import re
import zlib

from ulmfit_keras.data.errors import DataError

# What reading a damaged compressed file raises.
DAMAGES = (OSError, EOFError, lzma.LZMAError, zlib.error)


def _open_zstandard(file):
    if importlib.util.find_spec("pyarrow") is None:
        raise ImportError(
            "Reading .zst files needs pyarrow: "
            'pip install "ulmfit_keras[recipes]"'
        )
    import pyarrow

    source = pyarrow.PythonFile(file, mode="r")
    return io.BufferedReader(pyarrow.input_stream(source, compression="zstd"))


_DECOMPRESSORS = {
    ".gz": gzip.open,
    ".bz2": bz2.open,
    ".xz": lzma.open,
    ".zst": _open_zstandard,
}
_SUFFIX = "Give it that suffix, by which it is decompressed."
_SHEET = "Save a spreadsheet as CSV (UTF-8); take the text out of an archive."
_TAKE_OUT = "Take the text out of it."
# How files open that are not text, and what to do about it.
_OPENINGS = {
    ".gz": (rb"\x1f\x8b", _SUFFIX),
    ".bz2": (rb"BZh[1-9]1AY&SY", _SUFFIX),
    ".xz": (rb"\xfd7zXZ\x00", _SUFFIX),
    ".zst": (rb"\x28\xb5\x2f\xfd", _SUFFIX),
    ".lz4": (rb"\x04\x22\x4d\x18", _TAKE_OUT),
    ".zip": (rb"PK\x03\x04", _SHEET),
    ".xls": (rb"\xd0\xcf\x11\xe0", _SHEET),
    ".7z": (rb"7z\xbc\xaf\x27\x1c", _TAKE_OUT),
    ".pdf": (rb"%PDF-\d\.\d", _TAKE_OUT),
    ".parquet": (
        rb"PAR1[^ -~]",
        "Give a table that suffix; take the text out of it for anything else.",
    ),
    ".npy": (rb"\x93NUMPY", _TAKE_OUT),
}


def compression(path):
    """The suffix by which a file is decompressed, or None for a plain one.

    Args:
        path: str, the file; its name is enough.
    """
    suffix = os.path.splitext(path)[1].lower()
    return suffix if suffix in _DECOMPRESSORS else None


def decompressed(path, raw):
    """A file to read what is in it.

    Args:
        path: str, the file.
        raw: the file, open to read bytes. A plain one comes back as it is.
    """
    suffix = compression(path)
    return _DECOMPRESSORS[suffix](raw) if suffix else raw


def refuse_binary(path, opening):
    """Raise a `DataError` if what should be text opens as another file does.

    Args:
        path: str, the file.
        opening: its first bytes, decompressed if its name says so.
    """
    for suffix, (pattern, advice) in _OPENINGS.items():
        if not re.match(pattern, opening):
            continue
        if advice == _SUFFIX and compression(path):  # compressed twice
            advice = _TAKE_OUT
        raise DataError(
            f"{path} must be text, but opens as a {suffix} file does. "
            f"{advice} Received: {opening[:8]!r}"
        )
