"""From CSV, JSON lines, Parquet, folders and data frames to rows of cells."""

import csv
import dataclasses
import difflib
import importlib.util
import io
import json

from ulmfit_keras.data.errors import DataError
from ulmfit_keras.data.errors import listing
from ulmfit_keras.data.text_files import decode
from ulmfit_keras.data.text_files import read_bytes

# The largest that every platform's C long holds.
_LONGEST_FIELD = 2**31 - 1


@dataclasses.dataclass
class Cells:
    """The wanted columns of a table, before their values are looked at.

    Attributes:
        cells: one tuple a row with the values of the wanted columns.
        rows: what each row is called in messages, such as `"row 3"`.
        bad_rows: `(row, reason)` for each row that could not be read.
        counts: `{problem: [rows]}` for what was met and needs no decision.
    """

    cells: list = dataclasses.field(default_factory=list)
    rows: list = dataclasses.field(default_factory=list)
    bad_rows: list = dataclasses.field(default_factory=list)
    counts: dict = dataclasses.field(default_factory=dict)

    def add(self, row, cells):
        self.rows.append(row)
        self.cells.append(cells)

    def count(self, problem, row):
        self.counts.setdefault(problem, []).append(row)


def check_columns(wanted, found, source, hint=""):
    """Raise a `DataError` unless each wanted column is there just once."""
    found = [str(name) for name in found]
    for name in wanted:
        if found.count(name) == 1:
            continue
        if found.count(name) > 1:
            raise DataError(
                f"{source} has more than one column {name!r}. Rename the "
                f"others. Received: columns {found}"
            )
        close = difflib.get_close_matches(name, found, 3, 0.5) or [
            other for other in found if other.strip().lower() == name.lower()
        ]
        suggestion = f" Did you mean {' or '.join(map(repr, close))}?"
        raise DataError(
            f"{source} has no column {name!r}."
            f"{suggestion if close else ''}{hint} Name its columns with "
            "`text_column` and `label_column` (empty for text without "
            f"labels). Received: columns {found}"
        )


def read_csv(path, wanted, delimiter, quoting, encoding):
    """Read a table whose first row names the columns (RFC 4180)."""
    if delimiter == r"\t":  # as a shell hands it on
        delimiter = "\t"
    if len(delimiter) != 1 or delimiter in '"\r\n\0':
        raise ValueError(
            "`delimiter` must be one character, such as ; or a tab (\\t). "
            f"Received: delimiter={delimiter!r}"
        )
    text = decode(read_bytes(path), encoding, str(path))
    # A million characters in a field are valid; the limit is process-wide.
    limit = csv.field_size_limit(_LONGEST_FIELD)
    try:
        return _read_csv(text, path, wanted, delimiter, quoting)
    finally:
        csv.field_size_limit(limit)


def _read_csv(text, path, wanted, delimiter, quoting):
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=delimiter,
        quoting=csv.QUOTE_MINIMAL if quoting else csv.QUOTE_NONE,
        strict=True,
    )
    result, columns, number, line = Cells(), None, 0, 1
    while True:
        name = f"row {number + 1}"
        if line != number + 1:
            name += f" (line {line})"
        try:
            fields = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            if "unexpected end of data" in str(error):
                # Every later row is inside this field: never skip that.
                raise DataError(
                    f"{path}: a quotation mark that opens in {name} is never "
                    "closed. Correct it, or read quotation marks as ordinary "
                    f"characters with quoting=False. Received: {error}"
                ) from error
            if columns is None:
                # The next row would be taken for the names: never skip that.
                raise DataError(
                    f"{path}: {name}, which must hold the names of the "
                    "columns, has wrong quotation marks. Correct them, or "
                    "read quotation marks as ordinary characters with "
                    f"quoting=False. Received: {error}"
                ) from error
            result.bad_rows.append((name, f"wrong quotation marks ({error})"))
            fields = None
        line = reader.line_num + 1
        number += 1
        if fields is None:
            continue
        if not fields:
            result.count("blank_lines", name)
        elif columns is None:
            check_columns(wanted, fields, path, _delimiter_hint(fields))
            columns, width = [fields.index(c) for c in wanted], len(fields)
        elif len(fields) != width:
            result.bad_rows.append(
                (
                    name,
                    f"{len(fields)} fields instead of {width} (is there a "
                    f"{delimiter!r} in a text without quotation marks?)"
                    if len(fields) > width
                    else f"{len(fields)} fields instead of {width}",
                )
            )
        else:
            result.add(name, tuple(fields[c] for c in columns))
    return result


def _delimiter_hint(fields):
    if len(fields) == 1:
        for delimiter in (",", ";", "\t", "|"):
            if delimiter in fields[0]:
                return (
                    f" Its columns look separated by {delimiter!r}: try "
                    f"delimiter={delimiter!r}."
                )
    return " Its first row must hold the names of the columns."


def read_json_lines(path, wanted, encoding):
    """Read a file with one JSON object a line."""
    text = decode(read_bytes(path), encoding, str(path))
    if text.lstrip().startswith("["):
        raise DataError(
            f"{path} must hold one JSON object a line, but is one array of "
            "them: take away its brackets and the commas between (`jq -c .[]`)"
            f". Received: {text[:20]!r}"
        )
    result, found = Cells(), {}
    # Not `splitlines`: a JSON string may hold other line separators.
    lines = text.split("\n")
    for number, line in enumerate(lines, start=1):
        name = f"line {number}"
        if not line.strip():
            if number < len(lines):
                result.count("blank_lines", name)
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            result.bad_rows.append((name, f"not JSON ({error})"))
            continue
        if not isinstance(record, dict):
            result.bad_rows.append((name, "not a JSON object"))
            continue
        found.update(dict.fromkeys(record))
        result.add(name, tuple(map(record.get, wanted)))
    if result.rows:
        check_columns(wanted, list(found), path)
    return result


def read_parquet(path, wanted):
    """Read a Parquet file; needs pyarrow."""
    if importlib.util.find_spec("pyarrow") is None:
        raise ImportError(
            "Reading Parquet files needs pyarrow: "
            'pip install "ulmfit_keras[recipes]"'
        )
    import pyarrow
    import pyarrow.parquet

    try:
        file = pyarrow.parquet.ParquetFile(
            pyarrow.BufferReader(read_bytes(path))
        )
        check_columns(wanted, file.schema_arrow.names, path)
        table = file.read(columns=list(wanted))
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(
            f"{path} is damaged or not a Parquet file. Write it anew. "
            f"Received: {error}"
        ) from error
    return _from_columns([table[name].to_pylist() for name in wanted])


def read_frame(frame, wanted):
    """Read a pandas or Polars data frame."""
    check_columns(wanted, frame.columns, "The data frame")
    names = {str(name): name for name in frame.columns}
    return _from_columns([frame[names[name]].to_list() for name in wanted])


def read_lists(columns):
    """Read lists or arrays of equal length, one a column."""
    if any(isinstance(column, (str, bytes)) for column in columns):
        raise DataError(
            "A table in memory is a list of texts, or (texts, labels), two "
            "lists. A pair of texts must be a list, not a tuple. "
            f"Received: {tuple(columns)!r:.80}"
        )
    columns = [
        column.tolist() if hasattr(column, "tolist") else list(column)
        for column in columns
    ]
    lengths = [len(column) for column in columns]
    if len(set(lengths)) > 1:
        raise DataError(
            "Texts and labels must be equally many. Received: "
            f"{lengths[0]} texts and {lengths[1]} labels"
        )
    return _from_columns(columns)


def _from_columns(columns):
    cells = list(zip(*columns, strict=True))
    return Cells(cells, [f"row {number}" for number in range(len(cells))])


def read_folder(path, with_labels, encoding):
    """Read .txt files; the folder a file lies in is its label."""
    result = Cells()
    for file in sorted(path.rglob("*")):
        parts = file.relative_to(path).parts
        if file.is_dir() or any(part.startswith(".") for part in parts):
            continue
        name = "/".join(parts)
        if file.suffix != ".txt" or (with_labels and len(parts) == 1):
            result.count("files_left_out", name)
            continue
        text = decode(read_bytes(file), encoding, name)
        result.add(name, (text, parts[0]) if with_labels else (text,))
    if not result.rows:
        raise DataError(
            f"The folder {path} must hold one folder a class with .txt "
            "files. Received: "
            + listing(result.counts.get("files_left_out", ["an empty folder"]))
        )
    return result
