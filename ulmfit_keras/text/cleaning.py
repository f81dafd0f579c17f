"""Make a text valid, and turn HTML left-overs into what they stand for."""

import re

# Only what `re` and RE2 (the TensorFlow path) read alike; applied in order.
# The ampersand is last, so that "&amp;lt;" stands for "&lt;" and not for "<".
HTML_REPLACEMENTS = (
    (r"<(?:br|BR|Br) ?/?>", "\n"),
    (r"&(?:nbsp|#160);", " "),
    (r"&(?:quot|#34);|quot;", '"'),
    (r"&(?:apos|#39|#x27|rsquo|lsquo|#8217|#8216);|#39;", "'"),
    (r"&(?:lt|#60);", "<"),
    (r"&(?:gt|#62);", ">"),
    (r"&(?:amp|#38);|amp;", "&"),
)
_HTML_HINT = re.compile(r"[<;]")
_HTML = tuple((re.compile(p), r) for p, r in HTML_REPLACEMENTS)
_SURROGATES = re.compile("[\ud800-\udfff]")


def to_valid_text(text):
    """Text of any origin as a str that UTF-8 can hold.

    Args:
        text: str or bytes.

    Returns:
        A str; undecodable bytes and lone surrogates become U+FFFD.

    Raises:
        TypeError: if `text` is neither str nor bytes.
    """
    if isinstance(text, bytes):
        return text.decode("utf-8", "replace")
    if not isinstance(text, str):
        raise TypeError(
            "A text must be a str or bytes; convert other values first, and "
            f"decide what a missing one means. Received: {text!r} of type "
            f"{type(text).__name__}"
        )
    return str(text) if text.isascii() else _SURROGATES.sub("\ufffd", text)


def replace_html(text):
    """Replace the HTML left-overs that are common in scraped text."""
    if _HTML_HINT.search(text):
        for pattern, replacement in _HTML:
            text = pattern.sub(replacement, text)
    return text
