"""What each Unicode code point is to the tokenizers, as plain tables.

Every rule of the tokenizers looks at characters through the four tables of
this file and through nothing else. The Python path turns them into regular
expressions, the TensorFlow path gathers from them inside the graph, and so
the two agree by construction: neither asks its own Unicode library.
"""

import functools
import sys
import unicodedata

import numpy as np

SPACE = 0  # separates tokens: white space, control characters, unassigned
WORD = 1  # joins with its neighbours: letters, marks, digits, underscore
SYMBOL = 2  # stands alone: punctuation, symbols, emoji
IDEOGRAPH = 3  # stands alone: scripts written without spaces
IGNORED = 4  # removed: zero-width and formatting characters

_KIND_OF_CATEGORY = {
    "L": WORD,
    "M": WORD,
    "N": WORD,
    "P": SYMBOL,
    "S": SYMBOL,
    "Z": SPACE,
    "C": SPACE,
}

# Han, kana and the South-East Asian scripts that are written without spaces.
_UNSPACED = (
    (0x0E01, 0x0E30),  # Thai letters
    (0x0E81, 0x0EB0),  # Lao letters
    (0x1000, 0x102A),  # Myanmar letters
    (0x1780, 0x17B3),  # Khmer letters
    (0x3005, 0x3007),
    (0x3041, 0x3096),  # Hiragana
    (0x30A1, 0x30FA),  # Katakana
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x3134F),
)


def _kind(code_point):
    char = chr(code_point)
    category = unicodedata.category(char)
    if category == "Cf" or 0xFE00 <= code_point <= 0xFE0F:
        return IGNORED  # joiners, direction marks, emoji variation selectors
    if char == "_":
        return WORD
    if category[0] == "L" and any(a <= code_point <= b for a, b in _UNSPACED):
        return IDEOGRAPH
    return _KIND_OF_CATEGORY[category[0]]


@functools.cache
def kinds():
    """The kind of every code point: uint8 array of shape (0x110000,)."""
    return np.fromiter(
        (_kind(c) for c in range(sys.maxunicode + 1)),
        dtype=np.uint8,
        count=sys.maxunicode + 1,
    )


@functools.cache
def lower_case():
    """The simple lower case of every code point: int32, (0x110000,).

    Characters whose lower case is more than one character keep their form.
    """
    table = np.arange(sys.maxunicode + 1, dtype=np.int32)
    for code_point in range(sys.maxunicode + 1):
        lower = chr(code_point).lower()
        if len(lower) == 1:
            table[code_point] = ord(lower)
    return table


@functools.cache
def has_upper_case():
    """Whether a code point is a lower-case letter: bool, (0x110000,)."""
    return np.fromiter(
        (chr(c).upper() != chr(c) for c in range(sys.maxunicode + 1)),
        dtype=bool,
        count=sys.maxunicode + 1,
    ) & (lower_case() == np.arange(sys.maxunicode + 1))


@functools.cache
def is_digit():
    """Whether a code point is a decimal digit: bool, (0x110000,)."""
    return np.fromiter(
        (
            unicodedata.category(chr(c)) == "Nd"
            for c in range(sys.maxunicode + 1)
        ),
        dtype=bool,
        count=sys.maxunicode + 1,
    )


def ranges(flags):
    """A regular-expression character set for the code points with a flag.

    Args:
        flags: bool array, (0x110000,).

    Returns:
        A string such as `"A-Za-z"`, to be put between brackets.
    """
    padded = np.concatenate([[False], flags, [False]])
    edges = np.flatnonzero(padded[1:] != padded[:-1])
    return "".join(
        f"\\U{first:08x}-\\U{last - 1:08x}"
        for first, last in zip(edges[::2], edges[1::2], strict=True)
    )
