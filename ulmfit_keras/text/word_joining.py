"""Write words and marks as a text that people read."""

import functools

from ulmfit_keras.text import characters
from ulmfit_keras.text.word_splitting import CAPITALISED
from ulmfit_keras.text.word_splitting import FIELD
from ulmfit_keras.text.word_splitting import FIELD_SEPARATOR
from ulmfit_keras.text.word_splitting import PADDING
from ulmfit_keras.text.word_splitting import REPEATED_CHARACTER
from ulmfit_keras.text.word_splitting import REPEATED_WORD
from ulmfit_keras.text.word_splitting import SPECIAL_TOKENS
from ulmfit_keras.text.word_splitting import UNKNOWN
from ulmfit_keras.text.word_splitting import UPPER_CASE

_CLOSING = frozenset(".,!?:)")  # written without a space after a word
_SILENT = frozenset(SPECIAL_TOKENS) - {UNKNOWN, FIELD}
_MAX_REPEATS = 1000  # a generated count may be any number


@functools.cache
def _upper_case():
    lower = characters.lower_case()
    return {
        int(low): code_point
        for code_point, low in reversed(list(enumerate(lower)))
        if low != code_point
    }


def _append(parts, word):
    after_word = (
        parts and characters.kinds()[ord(parts[-1][-1])] == characters.WORD
    )
    inner = len(word) > 1 and word[0] == "'"
    if after_word and (inner or word[:1] in _CLOSING):
        parts[-1] += word
    elif word:
        parts.append(word)


def _count(token):
    is_number = token.isascii() and token.isdigit() and len(token) < 10
    return min(int(token), _MAX_REPEATS) if is_number else 1


def _with_case(mark, word):
    if word in SPECIAL_TOKENS:
        return word
    if mark == UPPER_CASE:
        return word.translate(_upper_case())
    return word[:1].translate(_upper_case()) + word[1:]


def join_words(tokens):
    """Undo `split_words`, as far as the tokens tell.

    Args:
        tokens: list of str, words and marks in any order, as a model may
            generate them.

    Returns:
        A str. `split_words` cuts it into the same tokens again if they came
        from it and no case was lost (`iPhone` is `iphone` without a mark).
        Counts of repeats above 1,000 are written 1,000 times.

    Example:

    >>> join_words(["xxmaj", "oh", "xxrep", "3", "!", "xxup", "ok", "'s"])
    "Oh!!! OK's"
    """
    parts = []
    tokens = iter(tokens)
    for token in tokens:
        mark, repeats = token, 1
        if token in (REPEATED_CHARACTER, REPEATED_WORD):
            repeats = _count(next(tokens, ""))
            token = next(tokens, PADDING)
        if token in (UPPER_CASE, CAPITALISED):
            token = _with_case(token, next(tokens, PADDING))
        if token in _SILENT:
            continue
        if token == FIELD:
            token = FIELD_SEPARATOR
        if mark == REPEATED_CHARACTER and token != UNKNOWN:
            _append(parts, token * repeats)
        else:
            for _ in range(repeats):
                _append(parts, token)
    return " ".join(parts)
