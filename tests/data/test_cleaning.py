import re
import time

import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from ulmfit_keras.data.cleaning import clean_texts
from ulmfit_keras.data.cleaning import comparable
from ulmfit_keras.data.cleaning import drop_rows
from ulmfit_keras.data.tables import TextTable
from ulmfit_keras.text.word_splitting import join_fields
from ulmfit_keras.text.word_splitting import split_words


@pytest.mark.parametrize(
    "text, cleaned",
    [
        ("one<br /><br>two", "one\n\ntwo"),
        ("<p>one</p><p class='x'>two</p>", "one\n\ntwo"),
        ("a <B>bold</B> word", "a bold word"),
        ("<a href='http://x.y/?a=1'>link</a>", "link"),
        ("<!-- not\nshown -->shown", "shown"),
        ("<tr><td>good</td><td>film</td></tr>", "good film"),
        ("one<hr>two", "one\ntwo"),
        ("<dt>a</dt><dd>b</dd>", "a\n\nb"),
        ("un<b>believ</b>able", "unbelievable"),
        ("<script>if (a < b) {}</script >seen", "seen"),
        ("a < b and c > d", "a < b and c > d"),
        ("if a<b and c>d then", "if a<b and c>d then"),
        ("Jo <p.jones@x.org>, <i@me.org>", "Jo <p.jones@x.org>, <i@me.org>"),
        ("<link: here> <code-name>", "<link: here> <code-name>"),
        ("a<p\n>b</P ><p/>c<i\tid=x>d</i>", "a\nb\n\ncd"),
        ("<input disabled>on<hr noshade>off", "on\noff"),
        ("<scripts>a</scripts>", "<scripts>a</scripts>"),
        ("<3 and <unknown> stay", "<3 and <unknown> stay"),
        ("Tom &amp; Jerry&nbsp;&eacute;&#233;&#xe9;", "Tom & Jerry ééé"),
        ("&lt;b&gt;", "<b>"),
        ("&amp;lt;b&amp;gt; &amp;nbsp;", "&lt;b&gt; &nbsp;"),
        ("x?a=1&copy=2 AT&T", "x?a=1&copy=2 AT&T"),
        ("quot;so#39;s", "\"so's"),
        ("a\0b\x07c\x9fd", "a b c d"),
        ("\ufeffsoft\xadhyphen", "softhyphen"),
        ("  a \t b\u3000c\xa0 ", "a b c"),
        ("a\r\nb\rc \n d\n\n\n\ne", "a\nb\nc\nd\n\ne"),
        ("👩\u200d👩\u200d👧 ع\u200cر", "👩\u200d👩\u200d👧 ع\u200cر"),
        ("", ""),
        (" \n ", ""),
    ],
)
def test_cleaning(text, cleaned):
    assert clean_texts([text])[0] == [cleaned]


def test_each_option_does_one_thing_and_is_counted():
    text = "<b>a</b>\0  b"
    assert clean_texts([text], control_characters=False, white_space=False) == (
        ["a\0  b"],
        {"html": 1},
    )
    assert clean_texts([text], html=False, white_space=False) == (
        ["<b>a</b>   b"],
        {"control_characters": 1},
    )
    assert clean_texts([text], html=False, control_characters=False) == (
        ["<b>a</b>\0 b"],
        {"white_space": 1},
    )
    assert clean_texts([text, "plain"])[1] == {
        "html": 1,
        "control_characters": 1,
        "white_space": 1,
    }


@settings(deadline=None)
@given(st.text(max_size=200))
def test_any_text_can_be_cleaned(text):
    (once,), _ = clean_texts([text], html=False)
    assert clean_texts([once], html=False)[0] == [once]
    assert not re.search(r"[\0-\x08\x0e-\x1e\x7f]|  |\n\n\n", once)
    clean_texts([text])


def test_a_hostile_text_takes_no_longer():
    for text in (
        "<" * 100_000,
        "<!--" * 50_000,
        "&" * 100_000,
        "< a" * 50_000,
        "<a =" * 50_000,
        "<a " + "= " * 100_000,
        "<p" + " " * 200_000,
        "&a" * 100_000,
    ):
        began = time.process_time()
        clean_texts([text])
        assert time.process_time() - began < 3


def test_fields_stay_apart():
    text = join_fields(["a <b>b</b>", "c"])
    (cleaned,), _ = clean_texts([text])
    assert split_words(cleaned) == split_words(join_fields(["a b", "c"]))


def test_dropped_rows_are_named():
    table = TextTable(
        ["Same text", "", "same  TEXT\n", "other", " ", "in test"],
        ["a", "b", "a", "b", "a", "b"],
        problems={"missing_text": ["row 1"]},
    )
    test = TextTable(["In  test", "unique"])
    everything = drop_rows(table, empty=True, duplicates=True, also_in=[test])
    assert everything.texts == ["Same text", "other"]
    assert everything.labels == ["a", "b"]
    assert everything.rows == ["row 0", "row 3"]
    assert everything.problems == {
        "missing_text": ["row 1"],
        "left_out_empty": ["row 1", "row 4"],
        "left_out_duplicates": ["row 2"],
        "left_out_also_in": ["row 5"],
    }
    nothing = drop_rows(table)
    assert nothing.texts == table.texts
    assert nothing.problems == table.problems
    assert len(drop_rows(table, duplicates=True)) == 4  # one of two empty ones


def test_comparable_texts():
    assert comparable(" Straße\n1") == comparable("STRASSE 1")
    assert comparable("a b") != comparable("ab")
    one, other = join_fields(["Python", "b"]), join_fields(["python b", ""])
    assert comparable(one) != comparable(other)  # parted at another place
    assert comparable(one) == comparable(join_fields(["PYTHON", "B "]))
    assert comparable(join_fields(["", "  "])) == ""


def test_rows_are_dropped_one_after_the_other():
    table = TextTable(["a", "b", "c"])
    first = drop_rows(table, also_in=[TextTable(["a"])])
    second = drop_rows(first, also_in=[TextTable(["b"])])
    assert second.problems == {"left_out_also_in": ["row 0", "row 1"]}


def test_bytes_and_lone_surrogates_are_cleaned_and_other_values_refused():
    assert clean_texts([b"<b>caf\xc3\xa9</b>", "a\ud800"])[0] == [
        "café",
        "a\ufffd",
    ]
    with pytest.raises(ValueError, match="Received: texts='good film'"):
        clean_texts("good film")
    with pytest.raises(TypeError, match="convert.*Received: nan of type float"):
        clean_texts(["a", float("nan")])
