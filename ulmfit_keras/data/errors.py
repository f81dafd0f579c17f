"""The one exception that bad input data raises."""

SHOWN = 10


class DataError(ValueError):
    """Input data that cannot be used as it is; the message says where.

    Example:

    >>> from ulmfit_keras.data import TextTable
    >>> TextTable(["good", "bad"], ["pos"])
    Traceback (most recent call last):
        ...
    ulmfit_keras.data.errors.DataError: Texts and labels must be ...
    """


def listing(items):
    """The first few of some rows or names, and how many more there are.

    Args:
        items: list of str.

    Returns:
        A str such as `"row 3, row 7 and 12 more"`.
    """
    shown = ", ".join(items[:SHOWN])
    more = len(items) - SHOWN
    return f"{shown} and {more} more" if more > 0 else shown
