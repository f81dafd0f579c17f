"""Valid text, and HTML left-overs."""

import pytest

from ulmfit_keras.text.cleaning import replace_html
from ulmfit_keras.text.cleaning import to_valid_text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", "a"),
        (b"caf\xc3\xa9", "café"),
        (b"caf\xe9", "caf\ufffd"),
        ("a\ud800b", "a\ufffdb"),
        ("é\udcff", "é\ufffd"),
        ("", ""),
        (b"", ""),
    ],
)
def test_to_valid_text(value, text):
    valid = to_valid_text(value)
    assert valid == text
    valid.encode("utf-8")


def test_what_is_not_a_text():
    with pytest.raises(TypeError, match="Received: nan of type float"):
        to_valid_text(float("nan"))


def test_html_is_unescaped_once():
    assert replace_html("&amp;lt;br&gt;") == "&lt;br>"
    assert replace_html("a<br />b") == "a\nb"
    assert replace_html("no; html < here") == "no; html < here"
