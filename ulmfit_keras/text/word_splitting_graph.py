"""Cut texts into words and marks inside a TensorFlow graph.

The twin of `word_splitting.split_words`: the same tokens for every string,
from TensorFlow's own operations, so that a SavedModel takes strings. All
texts of a batch are handled at once as one flat row of code points; there is
no loop over texts or words. Only this module and those that use it inside a
graph import TensorFlow.
"""

import tensorflow as tf

from ulmfit_keras.text import characters
from ulmfit_keras.text import word_splitting
from ulmfit_keras.text.cleaning import HTML_REPLACEMENTS
from ulmfit_keras.text.word_splitting import MIN_REPEATS


def _previous(values, before_first):
    return tf.concat([[before_first], values], axis=0)[:-1]


def _look_up(name, code_points):
    tables = characters.load_tables()
    pages = tables[f"{name}_pages"].reshape(-1)
    page_numbers = tables[f"{name}_page_numbers"]
    size = characters.PAGE_SIZE
    places = (
        tf.gather(page_numbers, code_points // size) * size + code_points % size
    )
    return tf.gather(pages, places)


def _decode(texts):
    """The code points of texts, flat, with the number of each one's text."""
    for pattern, replacement in HTML_REPLACEMENTS:
        texts = tf.strings.regex_replace(texts, pattern, replacement)
    decoded = tf.strings.unicode_decode(texts, "UTF-8", errors="replace")
    code_points = decoded.values
    # Not `value_rowids`, which pads every text to the longest one.
    rows = tf.searchsorted(
        decoded.row_splits[1:],
        tf.range(tf.size(code_points, tf.int64)),
        side="right",
        out_type=tf.int64,
    )
    for quote in word_splitting.APOSTROPHES:
        code_points = tf.where(code_points == ord(quote), ord("'"), code_points)
    return code_points, rows


def _groups(is_first):
    """Number groups of neighbours: (number of each's group, their sizes)."""
    is_first = tf.cast(is_first, tf.int32)
    numbers = tf.cumsum(is_first) - 1
    sizes = tf.math.unsorted_segment_sum(
        tf.ones_like(numbers), numbers, tf.reduce_sum(is_first)
    )
    return numbers, sizes


def _token_characters(code_points, rows, join_ideographs):
    """Find the characters that tokens consist of.

    Returns:
        A dict of vectors with an entry for each character of a token, and
        only the first one for a run of repeated characters.
    """
    properties = _look_up("property", code_points)
    kinds = properties & characters.KIND_MASK
    kept = kinds != characters.IGNORED
    code_points, rows, properties, kinds = (
        tf.boolean_mask(x, kept) for x in (code_points, rows, properties, kinds)
    )
    is_word = kinds == characters.WORD
    if join_ideographs:
        is_word |= kinds == characters.IDEOGRAPH
    is_space = kinds == characters.SPACE

    new_row = rows != _previous(rows, -1)
    first_of_run = new_row | (code_points != _previous(code_points, -1))
    runs, run_sizes = _groups(first_of_run)
    run_sizes = tf.gather(run_sizes, runs)
    repeated = (
        (run_sizes >= MIN_REPEATS)
        & ~is_space
        & (properties & characters.DIGIT == 0)
    )
    is_word &= ~repeated  # so that no word reaches into a run

    in_row = ~new_row
    apostrophe = in_row & (code_points == ord("'")) & _previous(is_word, False)
    continues = (
        in_row
        & is_word
        & (_previous(is_word, False) | _previous(apostrophe, False))
    )
    is_field = code_points == ord(word_splitting.FIELD_SEPARATOR)
    in_token = (~is_space & ~repeated) | (repeated & first_of_run) | is_field

    found = {
        "code_point": code_points,
        "lower": code_points + _look_up("lower_case", code_points),
        "is_lower": properties & characters.LOWER_CASE_LETTER > 0,
        "is_first": ~continues,
        "is_word": is_word,
        "is_field": is_field,
        "is_repeated": repeated,
        "run_size": run_sizes,
        "row": rows,
    }
    return {name: tf.boolean_mask(x, in_token) for name, x in found.items()}


def _any(flags, groups, count):
    return (
        tf.math.unsorted_segment_sum(tf.cast(flags, tf.int32), groups, count)
        > 0
    )


def _encode(code_points, tokens, count):
    return tf.strings.unicode_encode(
        tf.RaggedTensor.from_value_rowids(code_points, tokens, nrows=count),
        "UTF-8",
    )


def split_words(texts, join_ideographs=False):
    """Cut texts into words and marks; see `word_splitting.split_words`.

    Args:
        texts: string tensor, (batch,); any bytes.
        join_ideographs: see `word_splitting.split_words`.

    Returns:
        A string `tf.RaggedTensor`, (batch, None).
    """
    chars = _token_characters(*_decode(texts), join_ideographs)
    tokens, sizes = _groups(chars["is_first"])
    count = tf.size(sizes)
    first = {
        name: tf.boolean_mask(x, chars["is_first"]) for name, x in chars.items()
    }
    raw = _encode(chars["code_point"], tokens, count)
    low = _encode(chars["lower"], tokens, count)

    # Words that repeat the one before them.
    same = (
        first["is_word"]
        & _previous(first["is_word"], False)
        & (raw == _previous(raw, ""))
        & (first["row"] == _previous(first["row"], -1))
    )
    groups, group_sizes = _groups(~same)
    group_sizes = tf.gather(group_sizes, groups)
    repeated_word = group_sizes >= MIN_REPEATS
    shown = ~(repeated_word & same)

    forged = tf.reduce_any(
        low[:, tf.newaxis] == list(word_splitting.SPECIAL_TOKENS), axis=1
    )
    changed = chars["lower"] != chars["code_point"]
    marked = (
        shown
        & ~forged
        & (sizes > 1)
        & tf.boolean_mask(changed, chars["is_first"])
    )
    has_lower = _any(chars["is_lower"], tokens, count)
    rest_changed = _any(changed & ~chars["is_first"], tokens, count)
    upper = marked & ~has_lower
    capitalised = marked & has_lower & ~rest_changed

    low = tf.where(forged, word_splitting.UNKNOWN, low)
    low = tf.where(first["is_field"], word_splitting.FIELD, low)
    counted = first["is_repeated"] | (shown & repeated_word)
    # Each word is at most four tokens: which of them, and what they are.
    present = tf.stack([counted, counted, upper | capitalised, shown], axis=1)
    values = tf.stack(
        [
            tf.where(
                first["is_repeated"],
                word_splitting.REPEATED_CHARACTER,
                word_splitting.REPEATED_WORD,
            ),
            tf.strings.as_string(
                tf.where(first["is_repeated"], first["run_size"], group_sizes)
            ),
            tf.where(
                upper, word_splitting.UPPER_CASE, word_splitting.CAPITALISED
            ),
            low,
        ],
        axis=1,
    )
    return tf.RaggedTensor.from_value_rowids(
        tf.boolean_mask(values, present),
        tf.boolean_mask(
            tf.broadcast_to(first["row"][:, tf.newaxis], tf.shape(present)),
            present,
        ),
        nrows=tf.shape(texts, tf.int64)[0],
    )
