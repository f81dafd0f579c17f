"""What a word is, to the baseline and to explanations."""

import functools

from ulmfit_keras.text import characters

_ASCII_WORD = "0-9A-Za-z_"
# Asked first: the other sets have hundreds of ranges, which take their time.
_NOT_ASCII = r"(?![\x00-\x7f])"


@functools.cache
def word_patterns():
    """Regular expressions for the parts of a text, as the tokenizers see them.

    Returns:
        (word, alone, symbol): a run of letters with their marks and joiners,
        of digits and underscores; a character of a script that does not part
        its words by spaces; any other character but white space.
    """
    kinds = characters.kinds()
    word = characters.ranges(
        (kinds == characters.WORD) | (kinds == characters.IGNORED)
    )
    alone = characters.ranges(kinds == characters.IDEOGRAPH)
    return (
        rf"(?:[{_ASCII_WORD}]+|{_NOT_ASCII}[{word}])+",
        rf"{_NOT_ASCII}[{alone}]",
        rf"(?:(?=[\x00-\x7f])[^\s{_ASCII_WORD}]"
        rf"|{_NOT_ASCII}[^\s{word}{alone}])",
    )
