"""What each Unicode code point is to the tokenizers, as plain tables.

Every rule of the tokenizers looks at characters through these tables and
through nothing else. The Python path turns them into regular expressions,
the TensorFlow path gathers from them inside the graph, and so the two agree
by construction, on every Python and TensorFlow version: neither asks its own
Unicode library. `unicode_tables` wrote them.
"""

import functools

import numpy as np

from ulmfit_keras.text import unicode_tables
from ulmfit_keras.text.unicode_tables import DIGIT
from ulmfit_keras.text.unicode_tables import IDEOGRAPH
from ulmfit_keras.text.unicode_tables import IGNORED
from ulmfit_keras.text.unicode_tables import KIND_MASK
from ulmfit_keras.text.unicode_tables import LOWER_CASE_LETTER
from ulmfit_keras.text.unicode_tables import PAGE_SIZE
from ulmfit_keras.text.unicode_tables import SPACE
from ulmfit_keras.text.unicode_tables import SYMBOL
from ulmfit_keras.text.unicode_tables import WORD

__all__ = [
    "DIGIT",
    "IDEOGRAPH",
    "IGNORED",
    "KIND_MASK",
    "LOWER_CASE_LETTER",
    "PAGE_SIZE",
    "SPACE",
    "SYMBOL",
    "WORD",
    "kinds",
    "load_tables",
    "lower_case",
    "properties",
    "ranges",
]


@functools.cache
def load_tables():
    """Load the tables, as pages of 256 code points and their numbers.

    Returns:
        A dict of arrays: `property_pages` uint8 (pages, 256),
        `lower_case_pages` int32 (pages, 256; what to add to a code point),
        and for each the `…_page_numbers`, int32 (0x1100,).
    """
    with np.load(unicode_tables.PATH, allow_pickle=False) as file:
        return {name: file[name] for name in file if name != "unicode_version"}


@functools.cache
def properties():
    """Kind and flags of every code point: uint8 array, (0x110000,)."""
    tables = load_tables()
    return tables["property_pages"][tables["property_page_numbers"]].reshape(-1)


@functools.cache
def kinds():
    """The kind of every code point: uint8 array, (0x110000,)."""
    return properties() & KIND_MASK


@functools.cache
def lower_case():
    """The simple lower case of every code point: int32, (0x110000,)."""
    tables = load_tables()
    steps = tables["lower_case_pages"][tables["lower_case_page_numbers"]]
    return np.arange(steps.size, dtype=np.int32) + steps.reshape(-1)


def ranges(flags):
    """A regular-expression character set for the code points with a flag.

    Args:
        flags: bool array, (code points,).

    Returns:
        A string such as `"A-Za-z"`, to be put between brackets.
    """
    padded = np.concatenate([[False], flags, [False]])
    edges = np.flatnonzero(padded[1:] != padded[:-1])
    return "".join(
        f"\\U{first:08x}-\\U{last - 1:08x}"
        for first, last in zip(edges[::2], edges[1::2], strict=True)
    )
