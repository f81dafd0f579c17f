"""From tokens back to a text that people read."""

import hypothesis
import pytest
from hypothesis import strategies as st

from ulmfit_keras.text.word_joining import join_words
from ulmfit_keras.text.word_splitting import SPECIAL_TOKENS
from ulmfit_keras.text.word_splitting import split_words


@pytest.mark.parametrize(
    "text",
    [
        "Good film, isn't it?",
        "It was GREAT!!! Really...",
        "s ooo good (no) 50 %",
        "HA HA HA HA said I",
        "Straße ÜBER 日 本",
        "don't , ' so '",
        "! ! ! xxunk",
        "",
    ],
)
def test_text_comes_back(text):
    words = split_words(text)
    assert split_words(join_words(words)) == words


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        ("xxbos xxmaj the xxup usa . xxpad xxpad", "The USA."),
        ("xxrep 4 ! xxwrep 3 ha xxrep 3 é", "!!!! ha ha ha ééé"),
        ("xxwrep 3 xxmaj ha", "Ha Ha Ha"),
        ("don 't ' so", "don't ' so"),
        ("a . . b ; c", "a. . b ; c"),
        # What no text gives, but a model may write.
        ("xxrep", ""),
        ("xxrep 3", ""),
        ("xxrep a b", "b"),
        ("xxup xxmaj a", "a"),
        ("xxmaj", ""),
        ("xxwrep 2 xxbos a", "a"),
        ("xxrep 3 xxunk", "xxunk xxunk xxunk"),
        ("xxrep ² a xxwrep ३ b", "a b"),
    ],
)
def test_tokens(tokens, text):
    assert join_words(tokens.split()) == text


def test_counts_are_bounded():
    assert len(join_words(["xxrep", "9" * 9, "a"])) == 1000
    assert join_words(["xxrep", "9" * 9999, "a"]) == "a"


# Without capitals and special words, whose tokens tell less than the text.
_PLAIN = st.text().map(str.lower).filter(lambda t: "xx" not in t)


@hypothesis.settings(deadline=None)
@hypothesis.given(_PLAIN)
def test_joined_text_has_the_same_tokens(text):
    words = split_words(text)
    assert split_words(join_words(words)) == words


@hypothesis.settings(deadline=None)
@hypothesis.given(st.lists(st.sampled_from(SPECIAL_TOKENS) | st.text()))
def test_any_tokens_give_a_text(tokens):
    assert isinstance(join_words(tokens), str)
