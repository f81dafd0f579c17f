"""Safe pieces of HTML. Every text of a user goes through `escape`."""

import html
import math
import re

_NEWLINES = re.compile(r"\r\n?|[\n\x0b\x0c\x85\u2028\u2029]")
_INVISIBLE = re.compile(
    r"[\x00-\x08\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]"
)


def printable(text):
    """A text that UTF-8, XML and a browser can hold.

    Args:
        text: str.

    Returns:
        A str of the same length: control characters become their pictures,
        lone surrogates U+FFFD, all line ends spaces but `\\n`.
    """
    return _INVISIBLE.sub(_picture, _NEWLINES.sub(_line_end, text))


def escape(text):
    """Any value as the text of an HTML element or a quoted attribute.

    Args:
        text: a value; str() is taken of it.

    Returns:
        A str without `<`, `>`, `&`, quotes or characters HTML cannot hold.
    """
    return html.escape(printable(str(text)), quote=True)


def shorten(text, length):
    """A text cut to a length, with an ellipsis where something was cut."""
    text = str(text)
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def tag(name, content="", **attributes):
    """An element with content that is HTML already.

    Args:
        name: of the element.
        content: str of HTML, or a list of them.
        **attributes: escaped; a trailing underscore is cut off the name
            (`class_`), other underscores become dashes.

    Returns:
        A str of HTML.
    """
    if not isinstance(content, str):
        content = "".join(content)
    attributes = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return f"<{name}{attributes}>{content}</{name}>"


def table(header, rows, numeric_from=1):
    """A table of cells that are HTML already.

    Args:
        header: list of HTML, one for each column.
        rows: list of lists of HTML.
        numeric_from: from this column on, cells are numbers.

    Returns:
        A str of HTML, in a box that scrolls if the table is too wide.
    """

    def cells(name, row):
        return "".join(
            tag(name, cell, class_="number" if i >= numeric_from else None)
            for i, cell in enumerate(row)
        )

    head = tag("thead", tag("tr", cells("th", header))) if header else ""
    body = tag("tbody", [tag("tr", cells("td", row)) for row in rows])
    return tag("div", tag("table", head + body), class_="wide")


def number(value):
    """A number as people write it: 12,345 or 0.0123.

    Args:
        value: int, float or None.

    Returns:
        A str, a dash for None and for what is not finite.
    """
    if value is None or isinstance(value, float) and not math.isfinite(value):
        return "–"
    if isinstance(value, float) and not value.is_integer():
        return f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"
    return f"{int(value):,}" if abs(value) < 1e15 else f"{value:.4g}"


def percent(share, digits=1):
    """A share in 0…1 as a percentage, a dash for None."""
    return "–" if share is None else f"{100 * share:.{digits}f} %"


def duration(seconds):
    """Seconds as people say them: 8.1 s, 12 min, 3.4 h."""
    if seconds < 100:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 100 else f"{minutes / 60:.1f} h"


def _picture(match):
    code = ord(match[0])
    return chr(0x2400 + code) if code < 0x20 else "\ufffd"


def _line_end(match):
    # Keeps the length, so that spans of a text stay where they are.
    return "\n" if match[0] == "\n" else " " * (len(match[0]) - 1) + "\n"
