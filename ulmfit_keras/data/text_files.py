"""From a file, compressed or not, to its text, or to a clear error."""

import codecs
import io
import pathlib

from ulmfit_keras.data.compression import DAMAGES
from ulmfit_keras.data.compression import compression
from ulmfit_keras.data.compression import decompressed
from ulmfit_keras.data.compression import refuse_binary
from ulmfit_keras.data.errors import DataError

_BYTE_ORDER_MARKS = (
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)


def file_format(path):
    """The suffix of a file without that of its compression.

    Args:
        path: a `pathlib.Path`, such as `reviews.csv.xz`.

    Returns:
        The suffix in lower case with its dot, such as `".csv"`.
    """
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if compression(path):
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def read_bytes(path):
    """The content of a file, decompressed if its suffix says so.

    Args:
        path: a path that may end in .gz, .xz, .bz2 or (with pyarrow) .zst.

    Returns:
        bytes.

    Raises:
        DataError: if the file is not in the format that its suffix claims.
        FileNotFoundError: if there is no such file.
    """
    path = pathlib.Path(path)
    data = path.read_bytes()
    try:
        with decompressed(path, io.BytesIO(data)) as file:
            return file.read()
    except (ValueError, *DAMAGES) as error:
        raise DataError(
            f"{path} is damaged or not a {path.suffix} file ({error}). "
            f"Write it anew. Received: {len(data)} bytes that begin with "
            f"{data[:8]!r}"
        ) from error


def decode(data, encoding, source):
    """Bytes as text, strictly: nothing is replaced or left out.

    Args:
        data: bytes.
        encoding: name of the encoding. A byte order mark of UTF-8 is
            removed.
        source: str, the file that the data are from.

    Returns:
        str.

    Raises:
        DataError: if the data are not in this encoding, with the line and
            the encoding they are likely in; if they open as a file does that
            holds no text, such as a spreadsheet.
        ValueError: if there is no such encoding.
    """
    refuse_binary(source, data[:16])
    if encoding.lower() in ("utf-8", "utf8", "utf_8"):
        encoding = "utf-8-sig"
    place, wide = 0, None
    if encoding == "utf-8-sig":
        wide = wide_encoding(data)
    if wide is None:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError as error:
            place = error.start
        except LookupError as error:
            raise ValueError(
                "`encoding` must be the name of a text encoding, such as "
                "utf-8, cp1252 or utf-16. Received: "
                f"encoding={encoding!r}"
            ) from error
    line = data.count(b"\n", 0, place) + 1
    raise DataError(
        f"{source} is not in the encoding {encoding.removesuffix('-sig')} "
        f"(line {line}). {_advice(data, place, wide)} Received: bytes "
        f"{data[place : place + 8]!r} at offset {place}"
    )


def _advice(data, place, wide):
    """What a file that cannot be decoded at a place is likely to be."""
    if not data[:place].removeprefix(codecs.BOM_UTF8).isascii():
        return (
            "It is, up to this place, which therefore is damaged: correct "
            "the line."
        )
    guess = wide or "cp1252"
    try:
        data.decode(guess)
    except UnicodeDecodeError:
        return (
            "Its encoding could not be guessed: find out how it was written, "
            "and name it by `encoding`, or convert the file."
        )
    begin = max(data.rfind(b"\n", 0, place) + 1, place - 20)
    sample = data[begin : place + 20].decode(guess, "replace")
    return (
        f"It is likely {guess}, in which this place reads {sample!r}: if "
        f"that is right, read it with encoding={guess!r}, or convert the "
        "file."
    )


def wide_encoding(data):
    """The name of UTF-16 or UTF-32 if bytes look like it, else None."""
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return encoding
    # Without a mark, Latin letters in UTF-16 have a NUL as every other byte.
    head = data[:1024]
    for odd, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        half = head[odd::2]
        if len(half) > 1 and half.count(0) > 0.6 * len(half):
            return encoding
    return None
