"""What a word is, to the baseline and to explanations."""

import functools
import re

from ulmfit_keras.text import characters

_ASCII_WORD = "0-9A-Za-z_"
# Asked first: the other sets have hundreds of ranges, which take their time.
_NOT_ASCII = r"(?![\x00-\x7f])"


@functools.cache
def word_patterns():
    """Regular expressions for the parts of a text, as the tokenizers see them.

    Returns:
        (word, alone, symbol): a run of letters with their marks, of digits
        and underscores; a character of a script that does not part its words
        by spaces; any other character but white space. What the tokenizers
        drop, such as joiners and direction marks, may be inside of the first
        and at the end of the last.
    """
    kinds = characters.kinds()
    word, alone, ignored = (
        characters.ranges(kinds == kind)
        for kind in (
            characters.WORD,
            characters.IDEOGRAPH,
            characters.IGNORED,
        )
    )
    start = rf"(?:[{_ASCII_WORD}]+|{_NOT_ASCII}[{word}])"
    return (
        rf"{start}(?:[{_ASCII_WORD}]+|{_NOT_ASCII}[{word}{ignored}])*",
        rf"{_NOT_ASCII}[{alone}]",
        rf"(?:(?=[\x00-\x7f])[^\s{_ASCII_WORD}]"
        rf"|{_NOT_ASCII}[^\s{word}{alone}{ignored}])"
        rf"(?:{_NOT_ASCII}[{ignored}])*",
    )


@functools.cache
def ignored_pattern():
    """A compiled regular expression for a run of what the tokenizers drop."""
    kinds = characters.kinds()
    ignored = characters.ranges(kinds == characters.IGNORED)
    return re.compile(rf"(?:{_NOT_ASCII}[{ignored}])+")
