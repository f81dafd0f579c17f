"""The values of a table's cells as texts and labels, or why they are none."""

import decimal
import math
import numbers

from ulmfit_keras.data.errors import DataError
from ulmfit_keras.text.cleaning import to_valid_text
from ulmfit_keras.text.word_splitting import join_fields

_MISSING_TYPES = ("NAType", "NaTType")  # of pandas


class BadCell(Exception):
    """A cell that makes its row unusable."""


def _is_missing(cell):
    return (
        cell is None
        or (isinstance(cell, numbers.Real) and math.isnan(cell))
        or type(cell).__name__ in _MISSING_TYPES
    )


def _count(problem, row, found):
    # A row may have it in several cells.
    if row not in found[problem][-1:]:
        found[problem].append(row)


def parse_texts(cells, row, found):
    fields = [_parse_text(cell, row, found) for cell in cells]
    if not any(field.strip() for field in fields):
        missing = all(_is_missing(cell) for cell in cells)
        _count("missing_text" if missing else "empty_text", row, found)
    return fields[0] if len(fields) == 1 else join_fields(fields)


def _parse_text(cell, row, found):
    if _is_missing(cell):
        return ""
    if isinstance(cell, bytes):
        try:
            cell = cell.decode("utf-8")
        except UnicodeDecodeError as error:
            raise BadCell(f"bytes that are not UTF-8 ({error})") from error
    if isinstance(cell, numbers.Number):
        _count("number_as_text", row, found)
        return str(cell)
    if not isinstance(cell, str):
        raise BadCell(f"a {type(cell).__name__} where a text should be")
    text = to_valid_text(cell)
    if text != cell:
        _count("lone_surrogates", row, found)
    if "\0" in text:
        _count("nul_characters", row, found)
    return text


def _parse_name(cell, delimiter, row, found):
    name = parse_class(cell)
    if isinstance(name, str):
        name = to_valid_text(name).strip()
        if name != cell:
            _count("label_white_space", row, found)
    return name


def parse_class(cell):
    """A class as it was given: a str, an int or a bool.

    Raises:
        BadCell: if it is missing, empty, or neither a text nor a whole number.
    """
    if _is_missing(cell) or (isinstance(cell, str) and not cell.strip()):
        raise BadCell("no label")
    if isinstance(cell, str):
        return cell
    if hasattr(cell, "item") and not hasattr(cell, "__len__"):
        cell = cell.item()  # a NumPy scalar
    # pandas has no missing values in columns of ints; Parquet has decimals.
    if isinstance(cell, (float, decimal.Decimal)) and cell % 1 == 0:
        return int(cell)
    if isinstance(cell, int):
        return cell
    raise BadCell(
        f"the label {cell!r} is neither a name nor a whole number (real "
        'numbers need problem_type="regression")'
    )


def _parse_names(cell, delimiter, row, found):
    """The classes of a row; there may be none."""
    if _is_missing(cell):
        return []
    if isinstance(cell, str):
        cell = [name for name in cell.split(delimiter) if name.strip()]
    elif hasattr(cell, "tolist"):  # an array of pandas, a NumPy scalar
        cell = cell.tolist()
    elif isinstance(cell, (set, frozenset)):
        cell = sorted(cell, key=str)
    if not isinstance(cell, (list, tuple)):
        cell = [cell]
    names = [_parse_name(name, delimiter, row, found) for name in cell]
    refuse_indicators(names)
    return names


def refuse_indicators(names):
    """Raise `BadCell` if the classes of a row are those of a 0/1 matrix."""
    of_one_type = len(set(map(type, names))) == 1
    indicators = set(names) <= {0, 1} or set(names) <= {"0", "1"}
    if of_one_type and indicators and len(set(names)) < len(names):
        raise BadCell(
            f"{names} looks like a row of a 0/1 matrix: give the names of the "
            "classes it has"
        )


def _parse_number(cell, delimiter, row, found):
    if _is_missing(cell) or isinstance(cell, bool):
        raise BadCell("no number as label")
    try:
        number = float(cell)
    except (TypeError, ValueError, OverflowError) as error:
        raise BadCell(f"the label {cell!r} is not a number") from error
    if not math.isfinite(number):
        raise BadCell(f"the label {cell!r} is not finite")
    return number


LABEL_PARSERS = {
    "single_label": _parse_name,
    "multi_label": _parse_names,
    "regression": _parse_number,
}


def check_one_type(labels, rows, source):
    """Raise a `DataError` if labels, or lists of labels, are of mixed type."""
    first_of_type = {}
    for label, row in zip(labels, rows, strict=True):
        for name in label if isinstance(label, list) else [label]:
            kind = type(name).__name__
            first_of_type.setdefault(kind, f"{name!r} in {row}")
    if len(first_of_type) > 1:
        raise DataError(
            f"The labels of {source} are of mixed type, so that the same "
            'class may stand there twice, as 1 and "1". Make all of them str '
            f"or all of them int. Received: {', '.join(first_of_type.values())}"
        )


def class_names(labels, rows, source):
    """Labels, or lists of labels, as str, unless their types are mixed."""
    check_one_type(labels, rows, source)
    return [
        list(dict.fromkeys(map(str, label)))
        if isinstance(label, list)
        else str(label)
        for label in labels
    ]
