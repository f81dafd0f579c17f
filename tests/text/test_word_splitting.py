"""The rules, case by case, and what must hold for every string."""

import time

import hypothesis
import pytest
from hypothesis import strategies as st

from ulmfit_keras.text import characters
from ulmfit_keras.text import word_splitting
from ulmfit_keras.text.word_splitting import SPECIAL_TOKENS
from ulmfit_keras.text.word_splitting import join_fields
from ulmfit_keras.text.word_splitting import split_words

# Each text and its tokens, joined by spaces.
CASES = [
    # Words, numbers and symbols.
    ("", ""),
    ("   \t\r\n ", ""),
    ("a", "a"),
    ("the film", "the film"),
    ("the  film\n\nwas", "the film was"),
    ("good.", "good ."),
    ("good,bad", "good , bad"),
    ("(good)", "( good )"),
    ("well-made", "well - made"),
    ("and/or", "and / or"),
    ("snake_case", "snake_case"),
    ("#tag @me", "# tag @ me"),
    ("50% of $3", "50 % of $ 3"),
    ("3.14", "3 . 14"),
    ("10,000", "10 , 000"),
    ("2nd", "2nd"),
    ("mp3s", "mp3s"),
    ("a+b=c", "a + b = c"),
    ("a\u2014b", "a \u2014 b"),
    ("\u201cso\u201d", "\u201c so \u201d"),
    ("wait\u2026", "wait \u2026"),
    # Apostrophes.
    ("don't", "don 't"),
    ("don\u2019t", "don 't"),
    ("it's John's", "it 's xxmaj john 's"),
    ("rock'n'roll", "rock 'n 'roll"),
    ("'quoted'", "' quoted '"),
    ("dogs' tails", "dogs ' tails"),
    ("\u2018tis", "' tis"),
    ("a''b", "a ' ' b"),
    ("5'10", "5 '10"),
    ("!'a", "! ' a"),
    ("DON'T", "xxup don 'T".lower()),
    # HTML left-overs.
    ("one<br />two", "one two"),
    ("one<br>two<br/>three<BR>", "one two three"),
    ("salt &amp; pepper", "salt & pepper"),
    ("salt amp; pepper", "salt & pepper"),
    ("&quot;so&quot;", '" so "'),
    ("quot;so quot;", '" so "'),
    ("don&#39;t", "don 't"),
    ("don#39;t", "don 't"),
    ("don&rsquo;t", "don 't"),
    ("a&nbsp;b", "a b"),
    ("a&#160;b", "a b"),
    ("1 &lt; 2 &gt; 0", "1 < 2 > 0"),
    ("&#34;1 &#60; 2&#34; &#38; 2 &#62; 0", '" 1 < 2 " & 2 > 0'),
    ("&apos;a&#x27; &lsquo;b&#8217; &#8216;c", "' a ' ' b ' ' c"),
    ("&amp;lt;", "& lt ;"),
    ("&eacute;", "& eacute ;"),
    ("<i>so</i>", "< i > so < / i >"),
    # Repeated characters. Unlike fastai's, digits may be repeated, and the
    # character is written in lower case.
    ("soo", "soo"),
    ("sooo", "s xxrep 3 o"),
    ("soooooooooooo", "s xxrep 12 o"),
    ("sooon", "s xxrep 3 o n"),
    ("!!!", "xxrep 3 !"),
    ("!!", "! !"),
    ("...", "xxrep 3 ."),
    ("so....", "so xxrep 4 ."),
    ("----", "xxrep 4 -"),
    ("____", "xxrep 4 _"),
    ("AAAA", "xxrep 4 a"),
    ("Aaaa", "a xxrep 3 a"),
    ("aaabbb", "xxrep 3 a xxrep 3 b"),
    ("2000", "2000"),
    ("1000000", "1000000"),
    ("aaa's", "xxrep 3 a ' s"),
    ("don'ttt", "don ' xxrep 3 t"),
    ("'''a", "xxrep 3 ' a"),
    ("éééé", "xxrep 4 é"),
    ("👍👍👍👍", "xxrep 4 👍"),
    ("日日日", "xxrep 3 日"),
    ("a\u200ba\u200ba", "xxrep 3 a"),
    # Repeated words.
    ("ha ha", "ha ha"),
    ("ha ha ha", "xxwrep 3 ha"),
    ("ha ha ha ha!", "xxwrep 4 ha !"),
    ("no ha ha ha no", "no xxwrep 3 ha no"),
    ("ha Ha ha ha", "ha xxmaj ha ha ha"),
    ("HA HA HA", "xxwrep 3 xxup ha"),
    ("Ha Ha Ha", "xxwrep 3 xxmaj ha"),
    ("7 7 7", "xxwrep 3 7"),
    ("! ! !", "! ! !"),
    ("ha, ha, ha", "ha , ha , ha"),
    ("ha\nha ha", "xxwrep 3 ha"),
    ("a a aaa a a", "a a xxrep 3 a a a"),
    ("日 日 日", "日 日 日"),
    ("ha ha haaa ha", "ha ha h xxrep 3 a ha"),
    # Case.
    ("Good", "xxmaj good"),
    ("GOOD", "xxup good"),
    ("GOod", "good"),
    ("iPhone", "iphone"),
    ("McDonald", "mcdonald"),
    ("I am", "i am"),
    ("A", "a"),
    ("OK", "xxup ok"),
    ("A1", "xxup a1"),
    ("R2D2", "xxup r2d2"),
    ("C3po", "xxmaj c3po"),
    ("Über", "xxmaj über"),
    ("ÜBER", "xxup über"),
    ("ΣΑΣ", "xxup σασ"),
    ("Привет МИР", "xxmaj привет xxup мир"),
    ("Straße STRAẞE", "xxmaj straße xxup straße"),
    ("İstanbul", "İstanbul"),
    # Scripts, marks, emoji, formatting characters.
    ("日本語", "日 本 語"),
    ("ひらがな", "ひ ら が な"),
    ("한국어 말", "한국어 말"),
    ("שלום, עולם", "שלום , עולם"),
    ("مرحبا", "مرحبا"),
    ("हिन्दी", "हिन्दी"),
    ("e\u0301te\u0301", "e\u0301te\u0301"),
    ("👍🏽", "👍 🏽"),
    ("👨\u200d👩", "👨 👩"),
    ("❤\ufe0f", "❤"),
    ("葛\U000e0100城", "葛 城"),
    ("soft\xadhyphen", "softhyphen"),
    ("\ufeffgood", "good"),
    ("\U0001fae8\U0001faff", "\U0001fae8 \U0001faff"),
    # What cannot be read counts as a space.
    ("a\x00b", "a b"),
    ("a\x85b\x07c", "a b c"),
    ("a\ufffdb", "a b"),
    ("a\ud800b", "a b"),
    (b"a\xff\xfe\xfdb", "a b"),
    (b"caf\xe9", "caf"),
    (b"\xed\xa0\x80a", "a"),
    # Marks cannot be forged.
    ("xxbos", "xxunk"),
    ("XXBOS xxPad", "xxunk xxunk"),
    ("xxrep 3 a", "xxunk 3 a"),
    ("xx\u200bup", "xxunk"),
    ("xx&amp;up", "xx & up"),
    ("fooxxbos", "fooxxbos"),
    ("xxxbos", "xxrep 3 x bos"),
    ("xxeos", "xxeos"),
    ("xxun\u212a", "xxunk"),
    # Fields.
    ("\x1f 1 a \x1f 2 b", "xxfld 1 a xxfld 2 b"),
    ("a\x1fb", "a xxfld b"),
    ("\x1f\x1f\x1f", "xxfld xxfld xxfld"),
]


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_rules(text, expected):
    assert split_words(text) == expected.split(" ") * bool(expected)


def test_join_ideographs():
    text = "日本語のテキスト。 Tokyo東京"
    assert split_words(text, join_ideographs=True) == [
        "日本語のテキスト",
        "。",
        "xxmaj",
        "tokyo東京",
    ]


def test_join_fields():
    joined = join_fields(["a \x1f title", b"body\xff", ""])
    assert split_words(joined) == (
        "xxfld 1 a title xxfld 2 body xxfld 3".split()
    )


@pytest.mark.parametrize("value", [None, 3, 2.5, ["a"]])
def test_not_a_text(value):
    with pytest.raises(TypeError, match="Received: "):
        split_words(value)


@hypothesis.settings(deadline=None)
@hypothesis.given(st.text() | st.binary())
def test_every_string_gives_clean_tokens(text):
    kinds = characters.kinds()
    for token in split_words(text):
        assert token
        assert not any(
            kinds[ord(c)] in (characters.SPACE, characters.IGNORED)
            for c in token
        )


@hypothesis.settings(deadline=None)
@hypothesis.given(st.lists(st.sampled_from(SPECIAL_TOKENS), min_size=1))
def test_special_tokens_in_a_text_become_unknown(tokens):
    found = set(split_words(" . ".join(tokens)))
    assert found <= {"xxunk", "."}


@hypothesis.settings(deadline=None)
@hypothesis.given(st.text())
def test_bytes_and_str_are_cut_alike(text):
    encoded = text.encode("utf-8", "surrogatepass")
    assert split_words(encoded) == split_words(text)


@pytest.mark.parametrize(
    "text", ["a", "Ab", "ha ", "&amp;", "'", "a'", "<", "日", "a\x1f", "aaab"]
)
def test_time_grows_with_length_only(text):
    started = time.perf_counter()
    split_words(text * (100_000 // len(text)))
    assert time.perf_counter() - started < 10


def test_long_words_stay_out_of_the_cache():
    before = word_splitting._cached_case_marked.cache_info().currsize
    split_words(" ".join("ab" * (100 + i) for i in range(50)))
    after = word_splitting._cached_case_marked.cache_info().currsize
    assert after == before
