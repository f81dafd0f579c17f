"""General text for a language model: the documents of corpus files.

A corpus file is UTF-8 text, plain or compressed (.gz, .bz2, .xz, .zst), in
one of three forms, told apart by its first line:

- text in which a blank line ends a document;
- what WikiExtractor writes: `<doc id=… title=…>`, the text, `</doc>`;
- JSON lines with a `"text"` and perhaps a `"title"` each, such as those of
  `WikiExtractor --json`.

Files are read as a stream, so they may be larger than the memory, and plain
ones from any place on, so that several processes can share one.
"""

import json
import pathlib
from typing import NamedTuple

from ulmfit_keras.data.compression import DAMAGES
from ulmfit_keras.data.compression import compression
from ulmfit_keras.data.compression import decompressed
from ulmfit_keras.data.compression import refuse_binary
from ulmfit_keras.data.errors import DataError
from ulmfit_keras.data.text_files import file_format
from ulmfit_keras.data.text_files import wide_encoding
from ulmfit_keras.text.cleaning import to_valid_text

# What is longer is cut into several documents, at the end of a line if there
# is one: a file that holds no document ends must not fill the memory.
MAX_DOCUMENT_BYTES = 1 << 22
_MAX_JSON_BYTES = 1 << 26
_LINE_BYTES = 1 << 20

TEXT, WIKI_EXTRACTOR, JSON_LINES = "text", "wikiextractor", "json"
_UTF8_MARK = b"\xef\xbb\xbf"


class Document(NamedTuple):
    """A document of a corpus file.

    Attributes:
        text: str; U+FFFD stands for what was not UTF-8.
        is_utf8: whether nothing had to be replaced.
    """

    text: str
    is_utf8: bool


def open_binary(path):
    """Open a local file to read bytes."""
    return open(path, "rb")


def _lines(file, position):
    """Yield (start, line); what follows in an overlong line has no start."""
    start = position
    while line := file.readline(_LINE_BYTES):
        yield start, line
        position += len(line)
        start = position if line.endswith(b"\n") else None


def _checked_lines(path, file, position=0):
    """As `_lines`, with clear errors, without a byte order mark."""
    try:
        for start, line in _lines(file, position):
            if start == 0:
                refuse_binary(path, line)
                wide = wide_encoding(line)
                if wide:
                    raise DataError(
                        f"{path} must be UTF-8 text, but opens as {wide} "
                        f"does. Convert it. Received: {line[:8]!r}"
                    )
                line = line.removeprefix(_UTF8_MARK)
            yield start, line
    except DAMAGES as error:
        if not compression(path):
            raise
        raise DataError(
            f"{path} is damaged or not the compressed file that its name "
            f"says. Write it anew. Received: {error}"
        ) from error


def detect_format(path, open_file=open_binary):
    """Tell the form of a corpus file by its first line.

    Args:
        path: str, the file.
        open_file: what opens it to read bytes.

    Returns:
        `"text"`, `"wikiextractor"` or `"json"`.

    Raises:
        DataError: for JSON of another form, by the file's name.
    """
    with open_file(path) as raw, decompressed(path, raw) as file:
        for _, line in _checked_lines(path, file):
            line = line.strip()
            if line.startswith(b"<doc id="):
                return WIKI_EXTRACTOR
            if line.startswith(b"{") and line[1:].lstrip().startswith(b'"'):
                return JSON_LINES
            if line:
                _refuse_other_json(path, line)
                break
    return TEXT


def _refuse_other_json(path, line):
    if file_format(pathlib.Path(path)) in (".json", ".jsonl", ".ndjson"):
        raise DataError(
            f"{path} must hold an object a line, for its name is that of "
            "JSON; `jq -c .[]` makes lines of an array, `jq -c .` of objects. "
            f"Received: a first line that begins with {line[:80]!r}"
        )


def _opens(line, form):
    """Whether a line ends the document before it, and a next may open."""
    if form == WIKI_EXTRACTOR:
        return line.startswith(b"<doc id=")
    return bool(line.strip()) == (form == JSON_LINES)


def _cut(data):
    """Where to cut bytes that are too long for a document."""
    end = MAX_DOCUMENT_BYTES
    for separator in (b"\n", b" "):
        place = data.rfind(separator, 0, end) + 1
        if place:
            return place
    while end > MAX_DOCUMENT_BYTES - 4 and data[end] & 0xC0 == 0x80:
        end -= 1  # not inside a character
    return end


def _raw_documents(lines, form, inside, last, path):
    """Group lines to documents, bytes; `last` as in `read_span`."""
    parts, size = [], 0
    for start, line in lines:
        opens = start is not None and _opens(line, form)
        closes = (
            start is not None
            and form == WIKI_EXTRACTOR
            and line.startswith(b"</doc>")
        )
        if opens or closes:
            if inside and (parts or form == WIKI_EXTRACTOR):
                yield b"".join(parts)
            parts, size, inside = [], 0, opens
        if last is not None and start is not None and start >= last:
            if opens or not inside:
                return
        if inside and (not opens or form == JSON_LINES):
            parts.append(line)
            size += len(line)
        if form == JSON_LINES and size > _MAX_JSON_BYTES:
            raise DataError(
                f"A line of {path} must have at most {_MAX_JSON_BYTES:,} "
                "bytes of JSON. Write one document a line. Received: a line "
                f"that begins with {parts[0][:80]!r}"
            )
        # More than once where a cut takes little off.
        while form != JSON_LINES and size > MAX_DOCUMENT_BYTES:
            data = b"".join(parts)
            cut = _cut(data)
            yield data[:cut]
            parts, size = [data[cut:]], len(data) - cut
    if inside and (parts or form == WIKI_EXTRACTOR):
        yield b"".join(parts)


def _decode(data):
    try:
        return Document(data.decode("utf-8"), True)
    except UnicodeDecodeError:
        return Document(to_valid_text(data), False)


def _from_json(data, path):
    """The documents of a JSON line: one, unless it is too long."""
    line, is_utf8 = _decode(data)
    try:
        record = json.loads(line)
        text, title = record["text"], record.get("title") or ""
        if not isinstance(text, str) or not isinstance(title, str):
            raise TypeError("its text or title is not a string")
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise DataError(
            f"Every line of {path} must be a JSON object with a string "
            f'"text", because the first one opens as such. Received: '
            f"{line[:80]!r} ({error!r})"
        ) from error
    # WikiExtractor writes the title above the text, but into JSON beside it.
    if title and text.lstrip().split("\n", 1)[0].strip() != title.strip():
        text = f"{title}\n\n{text}"
    data = to_valid_text(text).encode("utf-8")
    while len(data) > MAX_DOCUMENT_BYTES:
        cut = _cut(data)
        yield Document(data[:cut].decode("utf-8"), is_utf8)
        data = data[cut:]
    yield Document(data.decode("utf-8"), is_utf8)


def read_span(
    path, form, first=0, last=None, open_file=open_binary, report=None
):
    """Yield the documents that open in a part of a corpus file.

    However a file is cut into parts that follow each other, their documents
    are those of the file.

    Args:
        path: str, the file.
        form: what `detect_format` says.
        first: offset in bytes where the part begins; 0 for compressed files.
        last: offset where it ends. Defaults to None, the end of the file.
        open_file: what opens the file to read bytes.
        report: called now and then with the number of bytes read since, if
            given.

    Yields:
        `Document`s. One of more than 4 MiB is cut into several.

    Raises:
        DataError: if the file is damaged or not what its name or its first
            line say.
    """
    with open_file(path) as raw, decompressed(path, raw) as file:
        position = first
        if first:
            # From the line that opens at `first` or later; one line break
            # before tells whether it opens there.
            file.seek(first - 1)
            for _, line in _lines(file, first - 1):
                position += len(line)
                if line.endswith(b"\n"):
                    break
            position -= 1
        told = first
        for data in _raw_documents(
            _checked_lines(path, file, position),
            form,
            inside=first == 0 and form == TEXT,
            last=last,
            path=path,
        ):
            if form == JSON_LINES:
                yield from _from_json(data, path)
            else:
                yield _decode(data)
            if report:
                now = raw.tell()
                report(now - told)
                told = now


def read_documents(path):
    """Yield the documents of a corpus file.

    Args:
        path: the file.

    Yields:
        str, one a document; U+FFFD stands for what is not UTF-8.

    Raises:
        DataError: if the file is damaged or not what its name or its first
            line say.

    Example:

    ```python
    for text in read_documents("wiki.txt.xz"):
        print(text[:70])
    ```
    """
    path = str(path)
    for document in read_span(path, detect_format(path)):
        yield document.text
