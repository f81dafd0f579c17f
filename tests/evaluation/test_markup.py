"""No text gets out of the place that it is put in."""

import html
import html.parser

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ulmfit_keras.evaluation import markup
from ulmfit_keras.evaluation import report_examples
from ulmfit_keras.evaluation.report_facts import facts

ANY_TEXT = st.text(st.characters(codec=None), max_size=400)


class _Reader(html.parser.HTMLParser):
    """Collects the elements and the text of a piece of HTML."""

    def __init__(self, source):
        super().__init__(convert_charrefs=True)
        self.names, self.text, self.open = set(), "", []
        self.feed(source)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.names.add(tag)
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


@given(ANY_TEXT)
def test_escaped_text_comes_back_and_holds_no_markup(text):
    escaped = markup.escape(text)
    assert not set("<>\"'") & set(escaped)
    escaped.encode()
    assert html.unescape(escaped) == markup.printable(text)
    assert len(markup.printable(text)) == len(text)
    assert _Reader(markup.tag("p", escaped)).names == {"p"}
    assert _Reader(markup.tag("p", "", title=text)).names == {"p"}


def test_control_characters_are_made_visible():
    assert markup.printable("\x00\x1b\ud800\x7f\tx\r\ny") == (
        "\u2400\u241b\ufffd\ufffd\tx \ny"
    )


@given(ANY_TEXT, st.data())
def test_highlighting_keeps_the_text(text, data):
    ends = st.integers(0, len(text))
    edges = sorted(data.draw(st.sets(ends, max_size=8)))
    spans = [
        (start, end, data.draw(st.floats(-5, 5)))
        for start, end in zip(edges, edges[1:], strict=False)
    ]
    found = _Reader(report_examples.highlighted(text, spans))
    assert found.names <= {"mark", "span"}
    breaks = report_examples._LINE_END.search(text)
    if len(text) <= report_examples.MOST_SHOWN and not breaks:
        assert found.text == html.unescape(markup.escape(text))


def test_strong_words_are_marked_strongest():
    text = "a dull but brilliant film"
    marked = report_examples.highlighted(
        text, [(2, 6, -1.0), (11, 20, 2.0), (21, 25, 0.01)]
    )
    assert marked == (
        'a <mark class="against" style="--w:0.50" title="-1.00">dull</mark>'
        ' but <mark style="--w:1.00" title="+2.00">brilliant</mark> film'
    )


def test_long_texts_are_shortened_around_what_matters():
    text = "start " + "filler " * 5000 + "decisive " + "filler " * 5000
    at = text.index("decisive")
    shown = report_examples.highlighted(text, [(at, at + 8, 1.0)])
    assert shown.startswith("start")
    assert ">decisive</mark>" in shown
    assert len(shown) < 2000
    windows = report_examples.excerpts(text, [(at, at + 8, 1.0)])
    hidden = len(text) - sum(end - start for start, end in windows)
    counted = [
        int(part.split(" characters")[0].replace(",", ""))
        for part in shown.split("[")[1:]
    ]
    assert sum(counted) == hidden
    assert len(report_examples.highlighted("x" * 10**6, [])) < 2000


def test_line_breaks_are_shown_as_the_model_reads_them():
    assert report_examples.highlighted("a<br /><br />b", []) == "a\nb"
    assert report_examples.highlighted("<b>", []) == "&lt;b&gt;"


NESTED = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(codec=None), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(max_size=9) | st.sampled_from(["classes", "rate"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(st.dictionaries(st.text(max_size=9), NESTED, max_size=5))
def test_any_nested_dict_can_be_shown(value):
    found = _Reader(facts(value))
    assert not found.names & {"script", "img", "a", "style"}


def test_facts_by_what_their_names_say():
    shown = facts(
        {
            "learning_rate": 0.01,
            "lm_learning_rate": 0.05,
            "unknown_word_rate": 0.034,
            "rows": 12345,
            "size": np.float32(0.5),
            "labels": ["<b>", "c"],
            "nothing": None,
            "on": True,
            "empty": {},
        }
    )
    for text in (
        "0.01",
        "0.05",
        "3.4 %",
        "12,345",
        "0.5",
        "&lt;b&gt;, c",
        "yes",
    ):
        assert f">{text}</td>" in shown


def test_splits_stand_side_by_side_with_their_classes():
    shown = facts(
        {
            "splits": {
                "train": {"rows": 6, "class_counts": {"x": 4, "y": 2}},
                "test": {"rows": 3, "class_counts": {"x": 1, "z": 2}},
            }
        }
    )
    assert shown.count("<table>") == 2
    assert ">4 (66.7 %)</td>" in shown
    assert ">0 (0.0 %)</td>" in shown


def test_words_among_numbers_wrap():
    shown = facts(
        {"splits": {n: {"rows": 6, "source": "a<b"} for n in ("train", "test")}}
    )
    assert shown.count('<td class="number"><span class="words">a&lt;b</') == 2
    assert shown.count('<td class="number">6</td>') == 2


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (1234567, "1,234,567"),
        (0.00123456, "0.001235"),
        (123456.7, "123,457"),
        (3.0, "3"),
        (None, "–"),
        (float("nan"), "–"),
        (10**30, "1e+30"),
    ],
)
def test_numbers(value, text):
    assert markup.number(value) == text


def test_durations():
    assert markup.duration(8.13) == "8.1 s"
    assert markup.duration(75) == "75 s"
    assert markup.duration(431) == "7 min"
    assert markup.duration(9000) == "2.5 h"


def test_confidence_is_never_certain():
    shown = [
        report_examples.confidence(p)
        for p in (1.0, 0.9996, 0.9991, 0.996, 0.5, 0.004, 0.0)
    ]
    assert shown == [
        "> 99.9 %",
        "> 99.9 %",
        "99.9 %",
        "99.6 %",
        "50 %",
        "0.4 %",
        "< 0.1 %",
    ]
