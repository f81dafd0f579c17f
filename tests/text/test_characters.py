"""The frozen character tables."""

import unicodedata

import numpy as np
import pytest

from ulmfit_keras.text import characters
from ulmfit_keras.text import unicode_tables


def _same_version():
    with np.load(unicode_tables.PATH, allow_pickle=False) as file:
        return str(file["unicode_version"]) == unicodedata.unidata_version


def test_tables_are_those_of_the_unicode_database():
    if not _same_version():
        pytest.skip("this Python carries another Unicode version")
    properties, steps = unicode_tables.derive()
    np.testing.assert_array_equal(characters.properties(), properties)
    lower = characters.lower_case()
    np.testing.assert_array_equal(lower, np.arange(lower.size) + steps)


@pytest.mark.parametrize(
    ("char", "kind"),
    [
        ("a", characters.WORD),
        ("_", characters.WORD),
        ("7", characters.WORD),
        ("\u0301", characters.WORD),
        (" ", characters.SPACE),
        ("\x00", characters.SPACE),
        ("\ufffd", characters.SPACE),
        ("\ud800", characters.SPACE),
        ("\ue000", characters.SPACE),
        ("!", characters.SYMBOL),
        ("👍", characters.SYMBOL),
        ("日", characters.IDEOGRAPH),
        ("〇", characters.IDEOGRAPH),
        ("ก", characters.IDEOGRAPH),
        ("\u200d", characters.IGNORED),
        ("\ufe0f", characters.IGNORED),
    ],
)
def test_kind(char, kind):
    assert characters.kinds()[ord(char)] == kind


def test_flags_and_lower_case():
    properties = characters.properties()
    assert properties[ord("a")] & characters.LOWER_CASE_LETTER
    assert not properties[ord("A")] & characters.LOWER_CASE_LETTER
    assert not properties[ord("日")] & characters.LOWER_CASE_LETTER
    assert properties[ord("٣")] & characters.DIGIT
    assert not properties[ord("½")] & characters.DIGIT
    lower = characters.lower_case()
    assert chr(lower[ord("É")]) == "é"
    assert chr(lower[ord("İ")]) == "İ"  # its lower case is two characters


def test_tables_are_small():
    assert sum(t.nbytes for t in characters.load_tables().values()) < 200_000


def test_ranges():
    flags = np.zeros(200, bool)
    flags[[0, 65, 66, 67, 199]] = True
    assert characters.ranges(flags) == (
        r"\U00000000-\U00000000\U00000041-\U00000043\U000000c7-\U000000c7"
    )
