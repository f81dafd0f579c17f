"""What stands for the names in a pickle: nothing here runs anything else."""

# Python's hashes of smaller integers are all different.
_LARGEST_KEY = 1 << 60


class Record:
    """An object of a class that is not run, read as what it holds.

    Attributes:
        class_name: str, the name of its class in the file.
        attributes: dict, what the file sets of it; empty at first.
    """

    __slots__ = ("attributes", "class_name")

    def __init__(self, class_name):
        self.class_name = class_name
        self.attributes = {}


def record_class(name):
    """What stands for a class: a function that makes records.

    Args:
        name: str, of the class.

    Returns:
        A function without arguments. Objects of a class are pickled as their
        attributes, so a file that gives arguments does something else.
    """

    def make(*arguments):
        if arguments:
            raise ValueError(f"arguments for the class {name}")
        return Record(name)

    return make


def default_dict(*_):
    """What `collections.defaultdict` makes: a record, its items are left out.

    Those of an optimizer are filed under parameters, which are no plain keys.
    """
    return Record("collections.defaultdict")


def pair_up(target, pairs):
    """Set the items of a dict whose keys are all plain.

    Only plain keys, since the hash of a tuple that holds a tuple that holds
    … ends the process, and no huge integers, of which a file can have many
    with the same hash.

    Args:
        target: dict.
        pairs: iterable of (key, value).

    Returns:
        The dict.
    """
    for key, value in pairs:
        if not isinstance(key, (str, bytes, int, float)):
            raise TypeError(f"a key of type {type(key).__name__}")
        if isinstance(key, int) and not -_LARGEST_KEY < key < _LARGEST_KEY:
            raise ValueError("an integer of 61 bits or more as a key")
        target[key] = value
    return target


def ordered_dict(pairs=()):
    """What `collections.OrderedDict` makes: a dict."""
    return pair_up({}, pairs)


def list_object():
    """What `fastcore.foundation.L` starts as; its items are set later."""
    return []


def nothing(*_):
    """In place of what is of no use here."""
    return None
