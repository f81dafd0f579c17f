"""Options that change texts or leave rows out, and count what they did."""

import re
from html import unescape

from ulmfit_keras.text.checks import check_listed
from ulmfit_keras.text.cleaning import replace_html
from ulmfit_keras.text.cleaning import to_valid_text
from ulmfit_keras.text.word_splitting import FIELD_SEPARATOR

# Only names of elements, and whole: "a < b and c > d" and "<p.jones@x.org>" are
# no mark-up. Those of one letter have nothing or attributes with values beside
# them, for "a<b and c>d" is none, either.
_LINE_ENDING = (
    "article|blockquote|body|br|caption|dd|div|dl|dt|fieldset|figure|footer"
    "|form|h[1-6]|head|header|hr|html|li|main|nav|ol|option|pre|section"
    "|select|table|tbody|textarea|tfoot|thead|title|tr|ul"
)
_WORD_ENDING = "button|iframe|img|input|td|th"
_INSIDE_WORDS = (
    "abbr|big|center|cite|code|del|em|font|ins|label|link|meta"
    "|small|span|strike|strong|sub|sup|tt"
)
_INVISIBLE = tuple(
    (re.compile(begin, re.IGNORECASE), re.compile(end, re.IGNORECASE))
    for begin, end in (
        (r"<!--", r"-->"),
        (r"<script(?=[\s/>])[^<>]*>", r"</script\s*>"),
        (r"<style(?=[\s/>])[^<>]*>", r"</style\s*>"),
    )
)
_NAMED = r"</?(?:{})(?=[\s/>])[^<>]*>"
_OF_ONE_LETTER = r"</?[{}](?:\s[^<>=]*=[^<>]*|\s*/?)>"
_TAGS = tuple(
    (re.compile(form.format(elements), re.IGNORECASE), replacement)
    for form, elements, replacement in (
        (_NAMED, _LINE_ENDING, "\n"),
        (_OF_ONE_LETTER, "p", "\n"),
        (_NAMED, _WORD_ENDING, " "),
        (_NAMED, _INSIDE_WORDS, ""),
        (_OF_ONE_LETTER, "abiqsu", ""),
    )
)
# With its semicolon: the "&copy=" of an address is none.
_ENTITY = re.compile(r"(&#?\w+;)")
# All control characters but white space and U+001F, with which `join_fields`
# opens a field; byte order marks, soft hyphens, noncharacters.
_CONTROL = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1e\x7f-\x84\x86-\x9f\ufeff\xad\ufffe\uffff]"
)
_SPACES = re.compile(r"[^\S\n\x1c-\x1f]+")
_LINES = re.compile(r" ?\n ?")
_MANY_LINES = re.compile(r"\n{3,}")
_FIELD_MARK = re.compile(rf"{FIELD_SEPARATOR} \d+")


def clean_texts(texts, html=True, control_characters=True, white_space=True):
    """Remove what does not belong to the words of texts.

    The tokenizers of this package already read a few HTML left-overs and
    count control characters as spaces; this makes the texts themselves fit
    to be read and compared. Apply it to training and test texts alike.

    Args:
        texts: list of str or bytes.
        html: remove tags, comments and scripts, and turn entities such as
            `&amp;` into characters.
        control_characters: replace them by spaces; soft hyphens and byte
            order marks vanish. Tabs and newlines stay.
        white_space: make one space of several, at most one empty line of
            several, and remove white space at the ends.

    Returns:
        `(cleaned, counts)`: a list of str, and for each option the number
        of texts it changed.

    Raises:
        TypeError: if a text is neither str nor bytes.
        ValueError: for one text in place of a list.

    Example:

    >>> clean_texts(["<b>Tom &amp;  Jerry</b>", "ok"])[0]
    ['Tom & Jerry', 'ok']
    """
    check_listed("texts", texts)
    steps = {}
    if html:
        steps["html"] = _without_html
    if control_characters:
        steps["control_characters"] = _without_control_characters
    if white_space:
        steps["white_space"] = _without_extra_white_space
    counts = dict.fromkeys(steps, 0)
    cleaned = []
    for text in map(to_valid_text, texts):
        for name, step in steps.items():
            new = step(text)
            counts[name] += new != text
            text = new
        cleaned.append(text)
    return cleaned, counts


def drop_rows(table, empty=False, duplicates=False, also_in=()):
    """Leave out rows without a text, or whose text is there already.

    Two texts are the same here if they differ at most in case and white
    space.

    Args:
        table: a `TextTable`.
        empty: leave out rows whose text is empty or white space.
        duplicates: leave out rows whose text an earlier row has.
        also_in: tables; leave out rows whose text is in one of them. To
            keep a test set as it is, leave out the rows from the training.

    Returns:
        A `TextTable` whose `problems` name, besides those of `table`, the
        rows that were left out and why.

    Example:

    >>> from ulmfit_keras.data import TextTable
    >>> table = drop_rows(TextTable(["a", "", "A "]), duplicates=True)
    >>> table.texts, table.problems
    (['a', ''], {'left_out_duplicates': ['row 2']})
    """
    elsewhere = {comparable(text) for other in also_in for text in other.texts}
    left_out = {"empty": [], "duplicates": [], "also_in": []}
    seen, kept = set(), []
    for row, text in enumerate(map(comparable, table.texts)):
        if empty and not text:
            left_out["empty"].append(table.rows[row])
        elif text in elsewhere:
            left_out["also_in"].append(table.rows[row])
        elif duplicates and text in seen:
            left_out["duplicates"].append(table.rows[row])
        else:
            kept.append(row)
        seen.add(text)
    result = table.select(kept)
    result.problems = dict(table.problems)
    for reason, rows in left_out.items():
        if rows:
            before = table.problems.get(f"left_out_{reason}", [])
            result.problems[f"left_out_{reason}"] = before + rows
    return result


def comparable(text):
    """A text without what does not make it another text.

    Args:
        text: str.

    Returns:
        str in lower case, with one space for any white space; empty where
        there is nothing but the marks of `join_fields`.
    """
    if not without_field_marks(text).strip():
        return ""
    return " ".join(text.casefold().split())


def without_field_marks(text):
    """A text without what `join_fields` puts before each field.

    Args:
        text: str.

    Returns:
        str, with a space in the place of each mark.
    """
    return _FIELD_MARK.sub(" ", text) if FIELD_SEPARATOR in text else text


def _without_html(text):
    if "<" in text:
        for begin, end in _INVISIBLE:
            text = _without_parts(text, begin, end)
        for tag, replacement in _TAGS:
            text = tag.sub(replacement, text)
    # Each once, so that "&amp;lt;" stands for "&lt;" and not for "<".
    parts = _ENTITY.split(text)
    parts[::2] = map(replace_html, parts[::2])
    parts[1::2] = map(_character, parts[1::2])
    return "".join(parts)


def _character(entity):
    known = replace_html(entity)  # has one apostrophe, and spaces that break
    return unescape(entity) if known == entity else known


def _without_parts(text, begin, end):
    # One expression for both ends would take quadratic time where many
    # begin and none ends.
    parts, position = [], 0
    while first := begin.search(text, position):
        last = end.search(text, first.end())
        if last is None:
            break
        parts.append(text[position : first.start()])
        position = last.end()
    return "".join([*parts, text[position:]])


def _without_control_characters(text):
    return _CONTROL.sub(_replacement, text)


def _replacement(match):
    return "" if match[0] in "\ufeff\xad\ufffe\uffff" else " "


def _without_extra_white_space(text):
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = _LINES.sub("\n", _SPACES.sub(" ", text))
    return _MANY_LINES.sub("\n\n", text).strip(" \n")
