import bz2
import codecs
import csv
import gzip
import io
import json
import lzma
import math

import numpy as np
import pytest
from hypothesis import HealthCheck
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from ulmfit_keras.data.errors import DataError
from ulmfit_keras.data.tables import TextTable
from ulmfit_keras.data.tables import read_table
from ulmfit_keras.text.word_splitting import split_words

TEXTS = st.lists(st.text(max_size=30), min_size=1, max_size=8)
SHARED_FOLDER = settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture
def write(tmp_path):
    """Writes bytes or text to a file of a name, and gives its path."""

    def write_file(name, content):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str):
            content = content.encode()
        path.write_bytes(content)
        return path

    return write_file


def csv_text(rows, delimiter=","):
    buffer = io.StringIO(newline="")
    csv.writer(buffer, delimiter=delimiter).writerows(rows)
    return buffer.getvalue()


# --- what is read comes back as it was --------------------------------------


@SHARED_FOLDER
@given(texts=TEXTS)
@pytest.mark.parametrize("suffix, delimiter", [("csv", ","), ("tsv", "\t")])
def test_any_text_comes_back_from_csv(write, texts, suffix, delimiter):
    rows = [("text", "label"), *((text, "a") for text in texts)]
    table = read_table(write(f"t.{suffix}", csv_text(rows, delimiter)))
    assert table.texts == texts
    assert table.labels == ["a"] * len(texts)
    empty = sum(not text.strip() for text in texts)
    assert len(table.problems.get("empty_text", [])) == empty


@SHARED_FOLDER
@given(texts=TEXTS, ascii_only=st.booleans())
def test_any_text_comes_back_from_json_lines(write, texts, ascii_only):
    lines = [
        json.dumps({"label": n, "text": text}, ensure_ascii=ascii_only)
        for n, text in enumerate(texts)
    ]
    table = read_table(write("t.jsonl", "\n".join(lines)))
    assert table.texts == texts
    assert table.labels == [str(n) for n in range(len(texts))]


@SHARED_FOLDER
@given(texts=TEXTS)
def test_any_text_comes_back_from_parquet(tmp_path, texts):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    columns = {"text": texts, "other": texts, "label": ["a"] * len(texts)}
    parquet.write_table(pyarrow.table(columns), tmp_path / "t.parquet")
    assert read_table(tmp_path / "t.parquet").texts == texts


@SHARED_FOLDER
@given(texts=TEXTS)
@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_any_text_comes_back_from_a_data_frame(library, texts):
    frames = pytest.importorskip(library)
    frame = frames.DataFrame({"text": texts, "label": [3] * len(texts)})
    table = read_table(frame)
    assert table.texts == texts
    assert table.labels == ["3"] * len(texts)


@pytest.mark.parametrize(
    "suffix, compress",
    [(".gz", gzip.compress), (".xz", lzma.compress), (".bz2", bz2.compress)],
)
def test_compressed_files(write, suffix, compress):
    content = compress("text,label\nä 🙂,a\n".encode())
    assert read_table(write("t.csv" + suffix, content)).texts == ["ä 🙂"]
    with pytest.raises(DataError, match="damaged") as error:
        read_table(write("cut.csv" + suffix, content[:-9]))
    assert "Received:" in str(error.value)
    with pytest.raises(DataError, match="damaged"):
        read_table(write("not.csv" + suffix, b"text,label\na,b\n"))


def test_zstandard_file(write):
    pyarrow = pytest.importorskip("pyarrow")
    content = pyarrow.compress(b"text,label\na,b\n", codec="zstd")
    # Written by pyarrow's codec: one frame, as the zstd program writes it.
    path = write("t.csv.zst", content.to_pybytes())
    assert read_table(path).texts == ["a"]


def test_newlines_quotes_emoji_and_a_million_characters(write):
    texts = ['He said "hi",\nthen left.\r\n', "🙂" * 3, "x" * 1_000_000, ""]
    path = write(
        "t.csv", csv_text([("label", "text")] + [("a", t) for t in texts])
    )
    limit = csv.field_size_limit()
    table = read_table(path)
    assert csv.field_size_limit() == limit < 1_000_000
    assert table.texts == texts
    assert table.rows == [
        "row 2",
        "row 3 (line 5)",
        "row 4 (line 6)",
        "row 5 (line 7)",
    ]
    assert table.problems == {"empty_text": ["row 5 (line 7)"]}


def test_two_lists_one_list_and_arrays():
    table = read_table((["a", "b"], np.array([0, 1])))
    assert (table.texts, table.labels) == (["a", "b"], ["0", "1"])
    assert read_table(["a", "b", "c"]).labels is None
    assert read_table(np.array(["a", "b"])).texts == ["a", "b"]
    with pytest.raises(DataError, match="2 texts and 1 labels"):
        read_table((["a", "b"], ["x"]))


def test_folder_per_class(write, tmp_path):
    write("reviews/pos/2.txt", "fine")
    write("reviews/neg/sub/1.txt", "awful\n")
    write("reviews/neg/picture.png", b"\x89PNG")
    write("reviews/README.txt", "not a review")
    write("reviews/.ipynb_checkpoints/1.txt", "awful")
    table = read_table(tmp_path / "reviews")
    assert table.texts == ["awful\n", "fine"]
    assert table.labels == ["neg", "pos"]
    assert table.rows == ["neg/sub/1.txt", "pos/2.txt"]
    assert table.problems == {
        "files_left_out": ["README.txt", "neg/picture.png"]
    }
    unlabelled = read_table(tmp_path / "reviews", label_column=None)
    assert unlabelled.texts == ["not a review", "awful\n", "fine"]
    with pytest.raises(DataError, match="one folder a class"):
        read_table(tmp_path / "reviews" / "pos")
    write("reviews/pos/3.txt", "café".encode("latin-1"))
    with pytest.raises(DataError, match="pos/3.txt is not in the encoding"):
        read_table(tmp_path / "reviews")


@pytest.mark.parametrize("label_column", ["label", None])
def test_the_label_of_a_folder_is_never_part_of_its_texts(
    label_column, write, tmp_path
):
    write("reviews/pos/1.txt", "fine")
    with pytest.raises(ValueError, match="reviews is a folder.*Received:"):
        read_table(tmp_path / "reviews", ["title", "body"], label_column)
    table = read_table(tmp_path / "reviews", ["text"], label_column)
    assert table.texts == ["fine"]


def test_several_text_columns_are_joined_as_fields():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(
        {"title": ["A", None], "body": ["b", None], "label": ["x", "y"]}
    )
    table = read_table(frame, text_column=["title", "body"])
    assert split_words(table.texts[0])[:3] == ["xxfld", "1", "a"]
    assert split_words(table.texts[0])[3:] == ["xxfld", "2", "b"]
    assert table.problems == {"missing_text": ["row 1"]}


def test_select_keeps_labels_rows_and_their_problems():
    problems = {
        "empty_text": ["row 0", "row 1"],
        "missing_text": ["row 1"],
        "skipped": ["row 7: no label"],
    }
    table = TextTable(["", "", "c"], ["x", "y", "z"], problems=problems)
    chosen = table.select([2, 0])
    assert chosen.texts == ["c", ""]
    assert chosen.labels == ["z", "x"]
    assert chosen.rows == ["row 2", "row 0"]
    assert chosen.problems == {
        "empty_text": ["row 0"],
        "skipped": ["row 7: no label"],
    }


# --- labels -----------------------------------------------------------------


def test_labels_are_the_same_names_from_any_format(write):
    pandas = pytest.importorskip("pandas")
    from_csv = read_table(write("t.csv", "text,label\na, 1 \nb,0\n"))
    whole = pandas.DataFrame({"text": ["a", "b"], "label": [1, 0]})
    floats = pandas.DataFrame({"text": ["a", "b"], "label": [1.0, 0.0]})
    for frame in (whole, floats, floats.astype({"label": "Int64"})):
        assert read_table(frame).labels == from_csv.labels == ["1", "0"]
    assert from_csv.problems == {"label_white_space": ["row 2"]}
    assert read_table((["a", "b"], [True, False])).labels == ["True", "False"]


@pytest.mark.parametrize(
    "labels", [[1, "1"], [True, 1], [np.int64(1), "1"], ["a", 1.0]]
)
def test_labels_of_mixed_type_are_refused(labels):
    with pytest.raises(DataError, match="mixed type") as error:
        read_table((["a", "b"], labels))
    assert "in row 0" in str(error.value)
    assert "in row 1" in str(error.value)
    with pytest.raises(DataError, match="mixed type"):
        read_table((["a"], [labels]), problem_type="multi_label")


@pytest.mark.parametrize("missing", ["", "  ", None, math.nan])
def test_missing_label(missing):
    source = (["a", "b", "c"], ["x", missing, "y"])
    with pytest.raises(DataError, match="row 1: no label"):
        read_table(source)
    table = read_table(source, on_bad_rows="skip")
    assert table.labels == ["x", "y"]
    assert table.rows == ["row 0", "row 2"]
    assert table.problems == {"skipped": ["row 1: no label"]}


def test_multi_label(write):
    path = write("t.csv", "text,label\na,x; y;x\nb,\nc,z\n")
    table = read_table(path, problem_type="multi_label")
    assert table.labels == [["x", "y"], [], ["z"]]
    as_lists = (["a", "b"], [["x", "y"], []])
    assert read_table(as_lists, problem_type="multi_label").labels == [
        ["x", "y"],
        [],
    ]
    arrays = (["a", "b"], [np.array(["x", "y"]), {"z"}])
    assert read_table(arrays, problem_type="multi_label").labels == [
        ["x", "y"],
        ["z"],
    ]
    with pytest.raises(ValueError, match="Received: label_delimiter=''"):
        read_table(path, problem_type="multi_label", label_delimiter="")
    spaces = (["a"], ["x ; y ; z"])
    found = read_table(spaces, problem_type="multi_label").problems
    assert found == {"label_white_space": ["row 0"]}
    numbers = (["a", "b"], [[1, 2], 3])
    assert read_table(numbers, problem_type="multi_label").labels == [
        ["1", "2"],
        ["3"],
    ]


def test_regression(write):
    path = write("t.csv", "text,label\na,1\nb,-2.5e1\n")
    table = read_table(path, problem_type="regression")
    assert table.labels == [1.0, -25.0]
    path = write("bad.csv", "text,label\na,1\nb,good\nc,inf\nd,\n")
    with pytest.raises(DataError, match="3 of 4 rows") as error:
        read_table(path, problem_type="regression")
    for reason in ("row 3: the label 'good'", "row 4: the label 'inf'"):
        assert reason in str(error.value)
    with pytest.raises(DataError, match='problem_type="regression"'):
        read_table((["a", "b"], [0.5, 1.0]))


# --- bad rows and bad cells -------------------------------------------------


def test_bad_csv_rows(write):
    path = write(
        "t.csv",
        'text,label\n"two\nlines",a\ntoo,many,fields\nfew\n\n"q"uote,a\nok,b\n',
    )
    with pytest.raises(DataError, match="3 of 5 rows") as error:
        read_table(path)
    message = str(error.value)
    assert "row 3 (line 4): 3 fields instead of 2" in message
    assert "row 4 (line 5): 1 fields instead of 2" in message
    assert "row 6 (line 7): wrong quotation marks" in message
    assert "Received:" in message
    table = read_table(path, on_bad_rows="skip")
    assert table.texts == ["two\nlines", "ok"]
    assert table.rows == ["row 2", "row 7 (line 8)"]
    assert len(table.problems["skipped"]) == 3
    assert table.problems["blank_lines"] == ["row 5 (line 6)"]


@pytest.mark.parametrize("on_bad_rows", ["raise", "skip"])
def test_a_first_row_of_wrong_quotation_marks_is_not_left_out(
    write, on_bad_rows
):
    path = write("t.csv", '"text" ,label\ngood,pos\nbad,neg\n')
    with pytest.raises(DataError, match="row 1, .* the names") as error:
        read_table(path, on_bad_rows=on_bad_rows)
    for part in ("wrong quotation marks", "quoting=False", "Received: ',' e"):
        assert part in str(error.value)


def test_a_quotation_mark_that_is_never_closed_is_no_row_to_skip(write):
    path = write("t.csv", 'text,label\nfine,a\n"open,a\nlost,b\n')
    for on_bad_rows in ("raise", "skip"):
        with pytest.raises(DataError, match="row 3 is never closed"):
            read_table(path, on_bad_rows=on_bad_rows)
    table = read_table(path, quoting=False)
    assert table.texts == ["fine", '"open', "lost"]


def test_bad_json_lines(write):
    deep = "[" * 100_000 + "]" * 100_000
    path = write(
        "t.jsonl",
        '{"text": "a", "label": "x"}\n{"text": \n[1]\n\n'
        '{"label": "y"}\n{"text": ["b"], "label": "x"}\n'
        '{"text": "c", "label": {"n": 1}}\n' + deep + "\n",
    )
    with pytest.raises(DataError, match="5 of 7 rows") as error:
        read_table(path)
    message = str(error.value)
    for part in ("line 2: not JSON", "line 3: not a JSON object", "line 6: a"):
        assert part in message
    table = read_table(path, on_bad_rows="skip")
    assert table.texts == ["a", ""]
    assert table.problems["missing_text"] == ["line 5"]
    assert table.problems["blank_lines"] == ["line 4"]


def test_only_the_first_bad_rows_are_named():
    with pytest.raises(DataError, match="and 40 more") as error:
        read_table((["a"] * 50, [None] * 50))
    assert len(str(error.value)) < 600


def test_cells_that_are_not_str(write):
    texts = ["a", 3, 2.5, None, math.nan, "é".encode(), " \n"]
    table = read_table(texts)
    assert table.texts == ["a", "3", "2.5", "", "", "é", " \n"]
    assert table.problems == {
        "number_as_text": ["row 1", "row 2"],
        "missing_text": ["row 3", "row 4"],
        "empty_text": ["row 6"],
    }
    with pytest.raises(DataError, match="row 0: bytes that are not UTF-8"):
        read_table([b"\xff"])
    with pytest.raises(DataError, match="row 1: a dict where a text"):
        read_table(["a", {}])


def test_missing_values_of_pandas():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(
        {
            "text": pandas.Series(["a", None], dtype="string"),
            "label": ["x", "y"],
        }
    )
    table = read_table(frame)
    assert table.texts == ["a", ""]
    assert table.problems == {"missing_text": ["row 1"]}


@pytest.mark.parametrize("text_column", [0, "0"])
def test_columns_of_a_data_frame_may_be_numbers(text_column):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame([["a", "x"], ["b", "y"]])
    table = read_table(frame, text_column, 1)
    assert (table.texts, table.labels) == (["a", "b"], ["x", "y"])


def test_words_that_mean_missing_elsewhere_are_texts(write):
    path = write("t.csv", "text,label\nNA,null\nnan,None\n")
    table = read_table(path)
    assert (table.texts, table.labels) == (["NA", "nan"], ["null", "None"])


# --- columns ----------------------------------------------------------------


@pytest.mark.parametrize(
    "header, parts",
    [
        ("Text,label", ["no column 'text'", "Did you mean 'Text'?"]),
        ("TEXT,label", ["Did you mean 'TEXT'?"]),
        ("texts,label", ["Did you mean 'texts'?"]),
        ("text,class", ["no column 'label'", "['text', 'class']"]),
        ("a,b", ["['a', 'b']", "`label_column` (empty for"]),
        ("text;label", ["delimiter=';'"]),
        ("text\tlabel", ["delimiter='\\t'"]),
        ("text,text,label", ["more than one column 'text'"]),
    ],
)
def test_wrong_column(write, header, parts):
    with pytest.raises(DataError) as error:
        read_table(write("t.csv", header + "\nx,y\n"))
    for part in [*parts, "Received: columns"]:
        assert part in str(error.value)


def test_a_delimiter_is_one_character(write):
    path = write("t.csv", "text\tlabel\na,b\tc\n")
    for tab in ("\t", r"\t"):
        assert read_table(path, delimiter=tab).texts == ["a,b"]
    for delimiter in (";;", "", '"', "\n", "\0"):
        with pytest.raises(ValueError, match="one character.*Received: delim"):
            read_table(path, delimiter=delimiter)


def test_text_without_labels_has_an_empty_label_column(write):
    path = write("t.csv", "text\na\n")
    for nothing in ("", None):
        assert read_table(path, label_column=nothing).labels is None
    with pytest.raises(ValueError, match="name a column.*Received: none"):
        read_table(path, text_column=[], label_column=None)


def test_wrong_column_in_other_formats(write):
    path = write("t.jsonl", '{"Text": "a", "label": 1}\n')
    with pytest.raises(DataError, match="Did you mean 'Text'"):
        read_table(path)
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"review": ["a"], "label": [1]})
    with pytest.raises(DataError, match="'review', 'label'"):
        read_table(frame)
    assert read_table(frame, text_column="review").texts == ["a"]
    two = pandas.DataFrame([["a", "b", 1]], columns=["text", "text", "label"])
    with pytest.raises(DataError, match="more than one"):
        read_table(two)


def test_no_rows(write):
    for content in ("", "\n\n", "text,label\n"):
        with pytest.raises(DataError, match="must have rows.*0 bad rows"):
            read_table(write("t.csv", content))
    with pytest.raises(DataError, match="must have rows.*0 bad rows"):
        read_table([])
    with pytest.raises(DataError, match="must have rows.*1 bad rows"):
        read_table((["a"], [None]), on_bad_rows="skip")


def test_damaged_parquet(write):
    pytest.importorskip("pyarrow")
    with pytest.raises(DataError, match="not a Parquet file"):
        read_table(write("t.parquet", b"PAR1 and nothing"))


# --- encodings --------------------------------------------------------------


def test_byte_order_mark_of_utf_8(write):
    content = codecs.BOM_UTF8 + b"text,label\na,b\n"
    assert read_table(write("t.csv", content)).texts == ["a"]


@pytest.mark.parametrize(
    "encoding, guess",
    [
        ("latin-1", "cp1252"),
        ("cp1252", "cp1252"),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
        ("utf-32", "utf-32"),
    ],
)
def test_wrong_encoding_names_the_likely_one(write, encoding, guess):
    text = "text,label\nplain,a\nun café crème,b\n"
    path = write("t.csv", text.encode(encoding))
    for on_bad_rows in ("raise", "skip"):
        with pytest.raises(DataError, match="not in the encoding") as error:
            read_table(path, on_bad_rows=on_bad_rows)
    assert f"encoding={guess!r}" in str(error.value)
    assert "Received: bytes" in str(error.value)
    if guess == "cp1252":
        assert "(line 3)" in str(error.value)
        assert "un café crème" in str(error.value)
    assert read_table(path, encoding=guess).texts == ["plain", "un café crème"]


@pytest.mark.parametrize(
    "content, advice",
    [
        ("text,label\né,a\n".encode() + b"cut \xc3,b\n", "correct the line"),
        ("text,label\n始。まり,a\n".encode("shift_jis"), "not be guessed"),
        ("text,label\nплохой,a\n".encode("cp1251"), "if that is right"),
    ],
)
def test_advice_on_other_encodings(write, content, advice):
    with pytest.raises(DataError, match=advice) as error:
        read_table(write("t.csv", content))
    assert "Received: bytes" in str(error.value)


@pytest.mark.parametrize("encoding", ["utf8x", "hex", ""])
def test_an_encoding_that_is_none(write, encoding):
    path = write("t.csv", "text,label\na,b\n")
    with pytest.raises(ValueError, match="utf-8, cp1252.*Received: encoding="):
        read_table(path, encoding=encoding)


def test_spreadsheet_instead_of_csv(write):
    with pytest.raises(DataError, match="spreadsheet"):
        read_table(write("t.csv", b"PK\x03\x04\x14\x00\xff\xfe"))


def test_nul_and_control_characters_are_kept_and_counted(write):
    path = write("t.csv", "text,label\na\0b\x07,x\nlonger text than nul,y\n")
    table = read_table(path)
    assert table.texts[0] == "a\0b\x07"
    assert table.problems == {"nul_characters": ["row 2"]}


def test_lone_surrogates_are_replaced_and_counted(write):
    path = write("t.jsonl", '{"text": "a\\ud800b", "label": "\\udfff"}\n')
    table = read_table(path)
    assert table.texts == ["a\ufffdb"]
    assert table.problems["lone_surrogates"] == ["line 1"]
    json.dumps(table.labels, ensure_ascii=False).encode()


# --- arguments --------------------------------------------------------------


@pytest.mark.parametrize(
    "source, options",
    [
        ("t.xlsx", {}),
        ("t.json", {}),
        (3, {}),
        (["a"], {"on_bad_rows": "ignore"}),
        (["a"], {"problem_type": "binary"}),
    ],
)
def test_wrong_argument(source, options):
    with pytest.raises(ValueError, match="Received:"):
        read_table(source, **options)
    with pytest.raises(FileNotFoundError):
        read_table("missing.csv")


def test_a_json_array_is_no_table(write):
    path = write("t.jsonl", '[\n{"text": "a", "label": "b"},\n{"text": "c"}]')
    for on_bad_rows in ("raise", "skip"):
        with pytest.raises(DataError, match=r"one array.*Received: '\["):
            read_table(path, on_bad_rows=on_bad_rows)


def test_a_pair_of_texts_is_not_taken_apart():
    for source in (("good", "best"), (["good"], "x")):
        with pytest.raises(DataError, match="must be a list.*Received: "):
            read_table(source)
    assert len(read_table(["good", "best"], label_column=None)) == 2
