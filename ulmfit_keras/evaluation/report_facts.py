"""Settings, data reports and other nested dicts as readable HTML."""

from ulmfit_keras.evaluation.markup import escape
from ulmfit_keras.evaluation.markup import number
from ulmfit_keras.evaluation.markup import percent
from ulmfit_keras.evaluation.markup import shorten
from ulmfit_keras.evaluation.markup import table
from ulmfit_keras.evaluation.markup import tag

_SHARES = ("rate", "share", "fraction", "error", "accuracy")
_COUNTING = ("class", "label", "count")
_MOST_ITEMS = 60
_DEEPEST = 6


def facts(value, depth=0):
    """Any nesting of dicts, lists and plain values as HTML.

    Plain values become a table of two columns, dicts of the same kind (one
    for each split, say) one table with a column each, counts bars.

    Args:
        value: dict; keys and values may be anything.
        depth: how deep inside of another `value` is.

    Returns:
        A str of HTML.
    """
    if not isinstance(value, dict) or depth > _DEEPEST:
        return tag("p", plain("", value))
    if _alike(value):
        return _side_by_side(value, depth)
    simple = {k: v for k, v in value.items() if not _nested(v)}
    parts = []
    if simple:
        parts.append(
            table(
                [],
                [[_name(key), plain(key, v)] for key, v in simple.items()],
                numeric_from=2,
            )
        )
    for key, inner in value.items():
        if _nested(inner):
            parts.append(tag("h3", _name(key)) + _section(key, inner, depth))
    return "".join(parts)


def plain(key, value):
    """A value that holds no others, by what its name says it is."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "–"
    if isinstance(value, int | float) or hasattr(value, "dtype"):
        if getattr(value, "ndim", 0):
            return escape(shorten(value.tolist(), 300))
        value = value.item() if hasattr(value, "item") else value
        if isinstance(value, int | float):
            if isinstance(value, float) and _is_share(str(key)):
                return percent(value, 1)
            return number(value)
    if isinstance(value, list | tuple | set):
        shown = [shorten(item, 80) for item in list(value)[:_MOST_ITEMS]]
        more = f" and {len(value) - len(shown):,} more"
        more = more if len(value) > len(shown) else ""
        return escape(", ".join(shown)) + more if shown else "none"
    return escape(shorten(value, 400))


def counts(value):
    """A dict from names to numbers as bars, in its order."""
    largest = max(value.values(), default=0) or 1
    total = sum(value.values()) or 1
    rows = [
        [
            escape(shorten(key, 60)),
            number(count),
            percent(count / total) + meter(count / largest),
        ]
        for key, count in list(value.items())[:_MOST_ITEMS]
    ]
    if len(value) > len(rows):
        rows.append([f"and {len(value) - len(rows):,} more", "", ""])
    return table(["", "rows", "share"], rows)


def meter(share):
    """A small bar, `share` in 0…1 of its length filled."""
    width = 100 * min(max(share, 0), 1)
    return tag("span", tag("i", style=f"width:{width:.1f}%"), class_="meter")


def _section(key, value, depth):
    if isinstance(value, dict):
        if _counted(key, value):
            return counts(value)
        if all(_counted(key, inner) for inner in value.values()):
            return _counts_side_by_side(value)
        return facts(value, depth + 1)
    keys = list(dict.fromkeys(key for row in value for key in row))
    rows = [
        [plain(key, row.get(key)) for key in keys]
        for row in value[:_MOST_ITEMS]
    ]
    return table([_name(key) for key in keys], rows)


def _side_by_side(value, depth):
    """Dicts of the same kind: a row for each key, a column for each dict."""
    keys = list(dict.fromkeys(key for inner in value.values() for key in inner))
    nested = [k for k in keys if any(_nested(v.get(k)) for v in value.values())]
    simple = [key for key in keys if key not in nested]
    parts = []
    if simple:
        parts.append(
            table(
                ["", *(_name(name) for name in value)],
                [
                    [_name(key)]
                    + [_beside(key, inner.get(key)) for inner in value.values()]
                    for key in simple
                ],
            )
        )
    for key in nested:
        inner = {n: v[key] for n, v in value.items() if _nested(v.get(key))}
        if all(_counted(key, counted) for counted in inner.values()):
            body = _counts_side_by_side(inner)
        elif _alike(inner):
            body = _side_by_side(inner, depth + 1)
        else:
            body = facts(inner, depth + 1)
        parts.append(tag("h3", _name(key)) + body)
    return "".join(parts)


def _beside(key, value):
    """A value in a column of numbers, in which words, such as a path, wrap."""
    shown = plain(key, value)
    return (
        tag("span", shown, class_="words") if isinstance(value, str) else shown
    )


def _counts_side_by_side(value):
    keys = list(dict.fromkeys(key for inner in value.values() for key in inner))
    totals = [sum(inner.values()) or 1 for inner in value.values()]
    largest = max(max(inner.values(), default=0) for inner in value.values())
    first = next(iter(value.values()))
    rows = [
        [escape(shorten(key, 60))]
        + [
            number(inner.get(key, 0))
            + f" ({percent(inner.get(key, 0) / total)})"
            for inner, total in zip(value.values(), totals, strict=True)
        ]
        + [meter(first.get(key, 0) / (largest or 1))]
        for key in keys[:_MOST_ITEMS]
    ]
    if len(keys) > len(rows):
        more = f"and {len(keys) - len(rows):,} more"
        rows.append([more] + [""] * (len(value) + 1))
    return table(["", *(_name(name) for name in value), ""], rows)


def _name(key):
    """A key as a heading."""
    return escape(shorten(str(key).replace("_", " "), 60))


def _is_share(key):
    return key.rsplit("_", 1)[-1] in _SHARES and "learning_rate" not in key


def _nested(value):
    if isinstance(value, dict):
        return bool(value)
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(row, dict) for row in value)
    )


def _alike(value):
    """Whether a dict holds two dicts or more with most keys in common."""
    inner = list(value.values())
    if len(inner) < 2 or not all(isinstance(v, dict) and v for v in inner):
        return False
    if len(inner) > 6:
        return False
    common = set.intersection(*(set(v) for v in inner))
    return 2 * len(common) >= max(map(len, inner))


def _counted(key, value):
    """Whether a dict says how often each of some names occurs."""
    return (
        isinstance(value, dict)
        and any(word in str(key).lower() for word in _COUNTING)
        and all(type(v) is int and v >= 0 for v in value.values())
    )
