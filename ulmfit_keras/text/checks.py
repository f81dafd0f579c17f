"""Refuse what would be read as texts, but is none, and say what is wrong."""


def check_listed(name, texts):
    """Raise for one text, whose characters would be read as texts.

    Anything else passes unread, since an iterator can be read only once.

    Args:
        name: of the argument, for the message.
        texts: iterable of str or bytes.

    Raises:
        ValueError: if it is a str or bytes itself.

    Example:

    >>> check_listed("texts", ["good film"])
    """
    if isinstance(texts, (str, bytes)):
        raise ValueError(
            f"`{name}` must be a list of texts; put one alone into a list. "
            f"Received: {name}={texts!r:.80}"
        )
