"""Cut a text into words and marks, in Python.

The rules are those of the code released with the ULMFiT paper (fastai's
`fix_html`, `replace_rep`, `replace_wrep`, `replace_all_caps`, `replace_maj`),
written over character kinds instead of spaCy's model, so that a TensorFlow
graph can apply exactly the same ones (see `word_splitting_graph`):

1. HTML left-overs become the characters they stand for.
2. Three or more equal characters in a row, digits and spaces excepted,
   become `xxrep`, their number and the character.
3. The text is cut into words, single symbols and single ideographs. An
   apostrophe inside a word opens a new token: `don't` is `don` and `'t`.
4. Three or more equal words in a row become `xxwrep`, their number and the
   word.
5. A word in capitals (two characters or more) becomes `xxup` and its lower
   case, a capitalised one `xxmaj` and its lower case.

Digits are left out of rule 2, unlike in fastai, so that 2000 stays one word.
"""

import functools
import itertools
import operator
import re

from ulmfit_keras.text import characters
from ulmfit_keras.text.cleaning import replace_html
from ulmfit_keras.text.cleaning import to_valid_text

UNKNOWN = "xxunk"
PADDING = "xxpad"
BEGINNING = "xxbos"
FIELD = "xxfld"
REPEATED_CHARACTER = "xxrep"
REPEATED_WORD = "xxwrep"
UPPER_CASE = "xxup"
CAPITALISED = "xxmaj"

SPECIAL_TOKENS = (
    UNKNOWN,
    PADDING,
    BEGINNING,
    FIELD,
    REPEATED_CHARACTER,
    REPEATED_WORD,
    UPPER_CASE,
    CAPITALISED,
)
_SPECIAL = frozenset(SPECIAL_TOKENS)

# Opens a field of a text made of several columns; see `join_fields`.
FIELD_SEPARATOR = "\x1f"
APOSTROPHES = "\u2018\u2019"  # read as '
MIN_REPEATS = 3


class _Patterns:
    """The character tables up to a code point as regular expressions."""

    def __init__(self, limit, join_ideographs):
        # `re` is several times faster on small sets and on those of the
        # first 65,536 code points, which it keeps as bitmaps.
        properties = characters.properties()[:limit]
        kinds = properties & characters.KIND_MASK
        is_word = kinds == characters.WORD
        if join_ideographs:
            is_word |= kinds == characters.IDEOGRAPH
        word = characters.ranges(is_word)
        space = characters.ranges(kinds == characters.SPACE)
        digit = characters.ranges(properties & characters.DIGIT > 0)
        self.words = re.compile(
            f"(?:(?<=[{word}])'(?=[{word}]))?[{word}]+"
            f"|{FIELD_SEPARATOR}|[^{word}{space}]"
        )
        self.repeated_character = re.compile(
            f"([^{space}{digit}])\\1{{{MIN_REPEATS - 1},}}"
        )
        self.is_word = re.compile(f"[{word}]").match
        ignored = characters.ranges(kinds == characters.IGNORED)
        self.ignored = re.compile(f"[{ignored}]+") if ignored else None


_patterns = functools.cache(_Patterns)
_BEYOND_BITMAP = re.compile("[\U00010000-\U0010ffff]")


@functools.cache
def _lower_case():
    table = characters.lower_case()
    return {c: int(table[c]) for c in range(len(table)) if table[c] != c}


def lower(word):
    """The lower case of a word, character by character."""
    if word.isascii():
        return word.lower()
    return word.translate(_lower_case())


def _case_marked(word):
    """A word as its tokens: perhaps a mark, then its lower case."""
    low = lower(word)
    if low in _SPECIAL:
        return (UNKNOWN,)  # a text cannot forge a mark
    if word[0] == low[0] or len(word) == 1:
        return (low,)
    properties = characters.properties()
    if not any(properties[ord(c)] & characters.LOWER_CASE_LETTER for c in word):
        return (UPPER_CASE, low)
    if word[1:] == low[1:]:
        return (CAPITALISED, low)
    return (low,)


_cached_case_marked = functools.lru_cache(maxsize=1 << 18)(_case_marked)
_MAX_CACHED_LENGTH = 40  # so that no text can fill the memory with the cache


def _counted(words, is_word):
    """Words with how often each stands in a row: [[word, repeats], …]."""
    if not any(map(operator.eq, words, itertools.islice(words, 1, None))):
        return [(word, 1) for word in words]
    counted = []
    for word in words:
        if counted and counted[-1][0] == word and is_word(word):
            counted[-1][1] += 1
        else:
            counted.append([word, 1])
    return counted


def _segment_tokens(segment, patterns):
    tokens = []
    for word, repeats in _counted(
        patterns.words.findall(segment), patterns.is_word
    ):
        if word == FIELD_SEPARATOR:
            marked = (FIELD,)
        elif len(word) <= _MAX_CACHED_LENGTH:
            marked = _cached_case_marked(word)
        else:
            marked = _case_marked(word)
        if repeats >= MIN_REPEATS:
            tokens += (REPEATED_WORD, str(repeats), *marked)
        else:
            tokens += marked * repeats
    return tokens


def split_words(text, join_ideographs=False):
    """Cut a text into words and marks.

    Args:
        text: str or bytes, of any length and content; bytes that are not
            UTF-8 and lone surrogates count as spaces.
        join_ideographs: keep neighbouring ideographs in one token, for a
            tokenizer that will cut them itself.

    Returns:
        A list of str. No `xxbos` is added.

    Raises:
        TypeError: if a text is neither str nor bytes.

    Example:

    >>> split_words("Soooo GOOD, isn't it?")[:6]
    ['s', 'xxrep', '4', 'o', 'xxup', 'good']
    """
    text = replace_html(to_valid_text(text))
    limit = 0x80
    if not text.isascii():
        limit = 0x110000 if _BEYOND_BITMAP.search(text) else 0x10000
        for quote in APOSTROPHES:
            text = text.replace(quote, "'")
    patterns = _patterns(limit, join_ideographs)
    if patterns.ignored:
        text = patterns.ignored.sub("", text)
    tokens, end = [], 0
    for match in patterns.repeated_character.finditer(text):
        tokens += _segment_tokens(text[end : match.start()], patterns)
        end = match.end()
        tokens += (
            REPEATED_CHARACTER,
            str(end - match.start()),
            lower(match[1]),
        )
    tokens += _segment_tokens(text[end:], patterns)
    return tokens


def join_fields(fields):
    """Join several columns of a row into one text with `xxfld` marks.

    Args:
        fields: the texts of a row's columns, in order, str or bytes.

    Returns:
        One str; the tokenizers read its marks as `xxfld 1 … xxfld 2 …`.
        A mark is the control character U+001F, the only one with a meaning;
        those in the fields become spaces.

    Raises:
        TypeError: if a text is neither str nor bytes.

    Example:

    >>> split_words(join_fields(["a title", "a body"]))
    ['xxfld', '1', 'a', 'title', 'xxfld', '2', 'a', 'body']
    """
    texts = (to_valid_text(field) for field in fields)
    return " ".join(
        f"{FIELD_SEPARATOR} {number} {text.replace(FIELD_SEPARATOR, ' ')}"
        for number, text in enumerate(texts, start=1)
    )
