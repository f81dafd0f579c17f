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
import sys

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
MIN_REPEATS = 3


class _Patterns:
    """The character tables up to a code point as regular expressions."""

    def __init__(self, limit):
        kinds = characters.kinds()[:limit]
        word = characters.ranges(kinds == characters.WORD)
        space = characters.ranges(kinds == characters.SPACE)
        digit = characters.ranges(characters.is_digit()[:limit])
        self.words = re.compile(
            f"(?:(?<=[{word}])'(?=[{word}]))?[{word}]+"
            f"|{FIELD_SEPARATOR}|[^{word}{space}]"
        )
        self.repeated_character = re.compile(
            f"([^{space}{digit}])\\1{{{MIN_REPEATS - 1},}}"
        )
        self.is_word = re.compile(f"[{word}]").match


@functools.cache
def _patterns(ascii_only):
    # The small sets of ASCII make the common case several times faster.
    return _Patterns(128 if ascii_only else sys.maxunicode + 1)


@functools.cache
def _ignored():
    kinds = characters.kinds()
    return re.compile(f"[{characters.ranges(kinds == characters.IGNORED)}]+")


@functools.cache
def _lower_case():
    table = characters.lower_case()
    return {c: int(table[c]) for c in range(len(table)) if table[c] != c}


def lower(word):
    """The lower case of a word, character by character."""
    if word.isascii():
        return word.lower()
    return word.translate(_lower_case())


@functools.lru_cache(maxsize=1 << 18)
def _case_marked(word):
    """A word as its tokens: perhaps a mark, then its lower case."""
    low = lower(word)
    if low in _SPECIAL:
        return (UNKNOWN,)  # a text cannot forge a mark
    if word[0] == low[0] or len(word) == 1:
        return (low,)
    has_upper_case = characters.has_upper_case()
    if not any(has_upper_case[ord(c)] for c in word):
        return (UPPER_CASE, low)
    if word[1:] == low[1:]:
        return (CAPITALISED, low)
    return (low,)


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
        marked = (FIELD,) if word == FIELD_SEPARATOR else _case_marked(word)
        if repeats >= MIN_REPEATS:
            tokens += (REPEATED_WORD, str(repeats), *marked)
        else:
            tokens += marked * repeats
    return tokens


def split_words(text):
    """Cut a text into words and marks.

    Args:
        text: str or bytes, of any length and content; bytes that are not
            UTF-8 and lone surrogates count as spaces.

    Returns:
        A list of str. No `xxbos` is added.

    Example:

    >>> split_words("Soooo GOOD, isn't it?")[:6]
    ['s', 'xxrep', '4', 'o', 'xxup', 'good']
    """
    text = replace_html(to_valid_text(text)).replace("\u2019", "'")
    if not text.isascii():
        text = _ignored().sub("", text)
    patterns = _patterns(text.isascii())
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
        fields: the texts of a row's columns, in order.

    Returns:
        One str; the tokenizers read its marks as `xxfld 1 … xxfld 2 …`.
    """
    return " ".join(
        f"{FIELD_SEPARATOR} {number} {text.replace(FIELD_SEPARATOR, ' ')}"
        for number, text in enumerate(fields, start=1)
    )
