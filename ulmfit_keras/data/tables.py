"""Tables of texts and labels, from files, data frames or lists."""

import collections
import dataclasses
import pathlib

from ulmfit_keras.data import table_cells
from ulmfit_keras.data import table_formats
from ulmfit_keras.data.errors import DataError
from ulmfit_keras.data.errors import listing
from ulmfit_keras.data.text_files import file_format

PROBLEM_TYPES = ("single_label", "multi_label", "regression")


@dataclasses.dataclass
class TextTable:
    """Texts, perhaps with labels, and what was met on reading them.

    Attributes:
        texts: list of str.
        labels: None, or one label a text: a str (single label), a list of
            str (multi-label) or a float (regression).
        source: where the table comes from, for messages.
        problems: `{problem: [rows]}`, such as `{"empty_text": ["row 3"]}`.
            Rows under `"skipped"` are not in the table.
        rows: what each row is called in messages: the row of a CSV file as
            a spreadsheet counts it (the names of the columns are row 1), the
            line of a JSON lines file, a place counted from 0, or a file name.
            Defaults to places counted from 0.

    Raises:
        DataError: if texts and labels are not equally many.

    Example:

    >>> table = TextTable(["good", "", "bad"], ["pos", "pos", "neg"])
    >>> table.select([0, 2]).rows
    ['row 0', 'row 2']
    """

    texts: list
    labels: list | None = None
    source: str = "the table"
    problems: dict = dataclasses.field(default_factory=dict)
    rows: list | None = None

    def __post_init__(self):
        if self.labels is not None and len(self.labels) != len(self.texts):
            raise DataError(
                "Texts and labels must be equally many. Received: "
                f"{len(self.texts)} texts and {len(self.labels)} labels"
            )
        if self.rows is None:
            self.rows = [f"row {row}" for row in range(len(self.texts))]

    def __len__(self):
        return len(self.texts)

    def select(self, indices):
        """A table of some of the rows.

        Args:
            indices: places of the rows, in the new order.

        Returns:
            A `TextTable` with the same source. Its `problems` are those of
            its rows, and those of rows that were left out before.
        """
        rows = [self.rows[i] for i in indices]
        others = set(self.rows).difference(rows)
        problems = {
            problem: [row for row in found if row not in others]
            for problem, found in self.problems.items()
        }
        return TextTable(
            [self.texts[i] for i in indices],
            None if self.labels is None else [self.labels[i] for i in indices],
            self.source,
            {problem: found for problem, found in problems.items() if found},
            rows,
        )


def read_table(
    source,
    text_column="text",
    label_column="label",
    problem_type="single_label",
    label_delimiter=";",
    on_bad_rows="raise",
    encoding="utf-8",
    delimiter=None,
    quoting=True,
):
    """Read texts and labels from a file, a folder, a data frame or lists.

    A missing text becomes an empty one. Empty texts are kept and counted.
    Labels are names: white space around them is removed, and whole numbers
    become their digits, 1.0 in a data frame as well; a CSV file that spells
    them 1.0 has labels of that name.

    Args:
        source: one of
            a file .csv, .tsv, .jsonl or .parquet, which may be compressed
            (.gz, .xz, .bz2; .zst with pyarrow); CSV and TSV begin with a row
            of column names, and fields may hold newlines and quotes;
            a folder with one folder of .txt files a class;
            a pandas or Polars data frame;
            a tuple `(texts, labels)`, or a list of texts.
        text_column: name of the text column, or a list of names whose texts
            are joined with `xxfld` marks. A folder has no columns.
        label_column: name of the label column; None or empty for no labels.
        problem_type: `"single_label"`, `"multi_label"` or `"regression"`.
        label_delimiter: separates the labels of a row when `problem_type` is
            `"multi_label"`. Cells may hold lists instead.
        on_bad_rows: `"raise"` an error, or `"skip"` the row and count it,
            for rows that cannot be parsed or have no label. What concerns
            the whole file (encoding, columns) always raises. Where quotes
            are wrong, the next line of the file counts as the next row.
        encoding: encoding of a text file.
        delimiter: one character that separates the columns of .csv (a comma
            by default) and .tsv (a tab).
        quoting: False to read quotation marks in .csv and .tsv as ordinary
            characters.

    Returns:
        A `TextTable`.

    Raises:
        DataError: if the data cannot be used: a missing column (with the
            columns found), a wrong encoding (with the likely one), no rows,
            bad rows (with their numbers), labels of mixed type such as 1 and
            "1".
        FileNotFoundError: if there is no such file.
        ImportError: if the format needs a package that is not installed.
        ValueError: if an argument is not one of the values above.

    Example:

    >>> table = read_table((["Good.", None], ["pos", "neg"]))
    >>> table.texts, table.problems
    (['Good.', ''], {'missing_text': ['row 1']})
    """
    _check_choice("problem_type", problem_type, PROBLEM_TYPES)
    _check_choice("on_bad_rows", on_bad_rows, ("raise", "skip"))
    if problem_type == "multi_label" and not label_delimiter:
        raise ValueError(
            "`label_delimiter` must be one character or more. Received: "
            f"label_delimiter={label_delimiter!r}"
        )
    if isinstance(text_column, str) or not hasattr(text_column, "__iter__"):
        text_column = [text_column]
    text_columns = list(map(str, text_column))
    if not text_columns:
        raise ValueError(
            "`text_column` must name a column, or several. Received: none"
        )
    label_columns = [] if label_column in (None, "") else [str(label_column)]
    if _is_listed(source):
        columns = source if _is_pair(source) else (source,)
        name, table = "the lists", table_formats.read_lists(columns)
        text_columns, label_columns = columns[:1], columns[1:]
    elif hasattr(source, "columns"):
        name = "the data frame"
        table = table_formats.read_frame(source, text_columns + label_columns)
    elif isinstance(source, (str, pathlib.Path)):
        name = str(source)
        table = _read_path(
            pathlib.Path(source),
            text_columns,
            label_columns,
            encoding,
            delimiter,
            quoting,
        )
    else:
        raise ValueError(
            "`source` must be a path, a data frame, a tuple (texts, labels) "
            f"or a list of texts. Received: {type(source).__name__}"
        )
    parse_label = table_cells.LABEL_PARSERS[problem_type]
    bad_rows, problems = table.bad_rows, table.counts
    found = collections.defaultdict(list, problems)
    texts, labels, rows = [], [], []
    for row, cells in zip(table.rows, table.cells, strict=True):
        try:
            text = table_cells.parse_texts(
                cells[: len(text_columns)], row, found
            )
            if label_columns:
                labels.append(
                    parse_label(cells[-1], label_delimiter, row, found)
                )
        except table_cells.BadCell as error:
            bad_rows.append((row, str(error)))
            continue
        texts.append(text)
        rows.append(row)
    if bad_rows and on_bad_rows == "raise":
        reasons = [f"{row}: {reason}" for row, reason in bad_rows]
        advice = "Correct them"
        if rows:
            advice += (
                ', or leave them out and count them with on_bad_rows="skip"'
            )
        raise DataError(
            f"{len(bad_rows)} of {len(rows) + len(bad_rows)} rows of {name} "
            f"cannot be used. {advice}. Received: {listing(reasons)}"
        )
    if not rows:
        raise DataError(
            f"{name} must have rows that can be used; names of columns are "
            f"none. Received: {len(bad_rows)} bad rows and no other"
        )
    if label_columns and problem_type != "regression":
        labels = table_cells.class_names(labels, rows, name)
    if bad_rows:
        found["skipped"] = [f"{row}: {why}" for row, why in bad_rows]
    return TextTable(
        texts, labels if label_columns else None, name, dict(found), rows
    )


def _check_choice(argument, value, choices):
    if value not in choices:
        raise ValueError(
            f"`{argument}` must be one of {choices}. Received: "
            f"{argument}={value!r}"
        )


def _is_pair(source):
    return isinstance(source, tuple) and len(source) == 2


def _is_listed(source):
    return isinstance(source, (list, tuple)) or hasattr(source, "tolist")


def _read_path(path, text_columns, label_columns, encoding, delimiter, quoting):
    if path.is_dir():
        if len(text_columns) > 1:
            raise ValueError(
                f"{path} is a folder, in which a text is a file: several "
                "columns of text need a table of another format. Received: "
                f"text_column={text_columns}"
            )
        return table_formats.read_folder(path, bool(label_columns), encoding)
    wanted = text_columns + label_columns
    suffix = file_format(path)
    if suffix in (".csv", ".tsv"):
        if delimiter is None:
            delimiter = "," if suffix == ".csv" else "\t"
        return table_formats.read_csv(
            path, wanted, delimiter, quoting, encoding
        )
    if suffix in (".jsonl", ".ndjson"):
        return table_formats.read_json_lines(path, wanted, encoding)
    if suffix == ".parquet":
        return table_formats.read_parquet(path, wanted)
    raise ValueError(
        "A table must be a folder or a file .csv, .tsv, .jsonl or .parquet, "
        "perhaps with .gz, .xz, .bz2 or .zst after it. Received: "
        f"{str(path)!r}"
    )
