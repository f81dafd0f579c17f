"""Derive the character tables from the Unicode database of this Python.

The tables are kept in a file, because each Python version carries another
Unicode version and a model must cut a text the same way on all of them. To
write the file anew (a change of what models read, so a new major version):

    python -m ulmfit_keras.text.unicode_tables
"""

import pathlib
import sys
import unicodedata

import numpy as np

SPACE = 0  # separates tokens: white space, control characters, unassigned
WORD = 1  # joins with its neighbours: letters, marks, digits, underscore
SYMBOL = 2  # stands alone: punctuation, symbols, emoji
IDEOGRAPH = 3  # stands alone: scripts written without spaces
IGNORED = 4  # removed: zero-width and formatting characters

KIND_MASK = 7  # the kind's bits of a property; the two flags follow
LOWER_CASE_LETTER = 8  # a lower-case letter that has an upper case
DIGIT = 16  # a decimal digit

PAGE_SIZE = 256
PATH = pathlib.Path(__file__).with_name("unicode_tables.npz")

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
)
_VARIATION_SELECTORS = ((0xFE00, 0xFE0F), (0xE0100, 0xE01EF))
# Blocks whose unassigned code points later versions of Unicode fill.
_EMOJI = ((0x1F000, 0x1FAFF),)
_MORE_HAN = ((0x20000, 0x3FFFD),)


def _within(code_point, ranges):
    return any(first <= code_point <= last for first, last in ranges)


def _kind(code_point):
    char = chr(code_point)
    category = unicodedata.category(char)
    if category == "Cf" or _within(code_point, _VARIATION_SELECTORS):
        return IGNORED  # joiners, direction marks, emoji variation selectors
    if char == "\ufffd":
        return SPACE  # decoders differ in how many they make of bad bytes
    if char == "_":
        return WORD
    if category[0] in "LN" and _within(code_point, _UNSPACED):
        return IDEOGRAPH
    if category == "Cn" and _within(code_point, _EMOJI):
        return SYMBOL
    if category in ("Cn", "Lo") and _within(code_point, _MORE_HAN):
        return IDEOGRAPH
    return _KIND_OF_CATEGORY[category[0]]


def _lower(char):
    # Characters whose lower case is more than one character keep their form.
    lower = char.lower()
    return lower if len(lower) == 1 else char


def derive():
    """Derive the tables.

    Returns:
        Two arrays over all code points, (0x110000,): uint8 properties (a
        kind and flags) and int32 steps from a character to its lower case.
    """
    count = sys.maxunicode + 1
    properties = np.zeros(count, np.uint8)
    steps = np.zeros(count, np.int32)
    for code_point in range(count):
        char = chr(code_point)
        lower = _lower(char)
        properties[code_point] = _kind(code_point)
        if unicodedata.category(char) == "Nd":
            properties[code_point] |= DIGIT
        if lower == char and char.upper() != char:
            properties[code_point] |= LOWER_CASE_LETTER
        steps[code_point] = ord(lower) - code_point
    return properties, steps


def paged(table):
    """Write a table as its different pages and, per page, which it is."""
    pages, page_numbers = np.unique(
        table.reshape(-1, PAGE_SIZE), axis=0, return_inverse=True
    )
    return pages, page_numbers.reshape(-1).astype(np.int32)


def main():
    """Write the tables of this Python's Unicode version."""
    properties, steps = map(paged, derive())
    np.savez_compressed(
        PATH,
        property_pages=properties[0],
        property_page_numbers=properties[1],
        lower_case_pages=steps[0],
        lower_case_page_numbers=steps[1],
        unicode_version=np.array(unicodedata.unidata_version),
    )


if __name__ == "__main__":
    main()
