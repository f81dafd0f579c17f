"""Read pickles without running anything that they name.

Python's `pickle` calls any function that a file names. Here a small machine
of its own follows the opcodes that `pickletools` lists. It imports nothing,
and a name in a file is only a key of a table that the caller gives; a name
that is not in the table is refused. What comes out is made of lists, dicts,
tuples, texts, bytes and numbers, and of what the functions in the table make
of these. `stand_ins` holds such functions.
"""

import pickletools
import struct
import warnings

from ulmfit_keras.convert.errors import CheckpointError
from ulmfit_keras.convert.stand_ins import Record
from ulmfit_keras.convert.stand_ins import pair_up

_ARGUMENT_IS_VALUE = frozenset(
    "INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT "
    "UNICODE BINUNICODE SHORT_BINUNICODE BINUNICODE8 "
    "STRING BINSTRING SHORT_BINSTRING "
    "BINBYTES SHORT_BINBYTES BINBYTES8".split()
)
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_EMPTY = {"EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_TUPLE": tuple}
_TUPLE_SIZES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_WITHOUT_EFFECT = frozenset(["PROTO", "FRAME"])
_DAMAGED = (
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    RecursionError,
    struct.error,
)


def read_pickle(file, source, known, advice, persistent=None):
    """Read one pickle.

    Args:
        file: binary file object that holds all its bytes in memory
            (`io.BytesIO`, `mmap.mmap`), at the start of a pickle; afterwards
            right behind it.
        source: str, what is read, for error messages.
        known: dict from names, such as `"collections.OrderedDict"`, to what
            they stand for. A function is called when the pickle calls it.
        advice: str, a sentence that says which files can be read.
        persistent: function of one argument that makes the objects stored
            outside of the pickle. Defaults to None: there are none.

    Returns:
        The object.

    Raises:
        CheckpointError: if the pickle names something else, or is damaged.

    Example:

    >>> import io, pickle
    >>> read_pickle(io.BytesIO(pickle.dumps(["a"])), "a.pkl", {}, "")
    ['a']
    """
    machine = _Machine(source, known, advice, persistent)
    try:
        with warnings.catch_warnings():
            # Python's of escapes in a text that it does not know.
            warnings.simplefilter("ignore", DeprecationWarning)
            return machine.run(file)
    except CheckpointError:
        raise
    except _DAMAGED as error:
        raise CheckpointError(
            "A pickle must be whole and made of plain data. "
            f"Received: {source}, where reading stopped: {error!s:.200}"
        ) from error


class _Machine:
    """The stack, the marks on it, and the memo of one pickle."""

    def __init__(self, source, known, advice, persistent):
        self.source = source
        self.known = known
        self.advice = advice
        self.persistent = persistent
        self.stack = []
        self.marks = []
        self.memo = {}  # a dict: a list would grow to any index in the file
        self.copied = 0

    def run(self, file):
        self.file, self.start = file, file.tell()
        for opcode, argument, _ in pickletools.genops(file):
            name = opcode.name
            if name in _ARGUMENT_IS_VALUE:
                self.stack.append(argument)
            elif name in _CONSTANTS:
                self.stack.append(_CONSTANTS[name])
            elif name in _EMPTY:
                self.stack.append(_EMPTY[name]())
            elif name in _TUPLE_SIZES:
                self.stack.append(self.pop_last(_TUPLE_SIZES[name]))
            elif name == "STOP":
                return self.stack.pop()
            elif name in _STEPS:
                _STEPS[name](self, argument)
            elif name not in _WITHOUT_EFFECT:
                self.refuse(f"the opcode {name}")

    def refuse(self, what):
        raise CheckpointError(
            "No code of a file is run, and only plain data is read from it. "
            f"{self.advice} Received: {what} in {self.source}"
        )

    def charge(self, *values):
        """Refuse copies of more elements than bytes were read.

        The memo gives the same value any number of times, at two bytes each.
        """
        self.copied += sum(
            len(value) for value in values if hasattr(value, "__len__")
        )
        if self.copied > self.file.tell() - self.start:
            raise ValueError("the same elements copied again and again")

    def pop_last(self, count):
        start = len(self.stack) - count
        if not 0 <= start <= len(self.stack):
            raise ValueError("too few values")
        values = tuple(self.stack[start:])
        del self.stack[start:]
        return values

    def pop_marked(self):
        return self.pop_last(len(self.stack) - self.marks.pop())

    def extend_dict(self, values):
        target = self.stack[-1]
        if isinstance(target, Record):
            return  # the items of a defaultdict, which nobody needs
        if not isinstance(target, dict):
            raise TypeError("items for what is not a dict")
        pair_up(target, zip(values[::2], values[1::2], strict=True))

    def extend_list(self, values):
        target = self.stack[-1]
        if not isinstance(target, list):
            raise TypeError("elements for what is not a list")
        target.extend(values)

    def push_known(self, module, name):
        full_name = f"{module}.{name}"
        if full_name not in self.known:
            self.refuse(f"the name {full_name[:200]!r}")
        self.stack.append(self.known[full_name])

    def mark(self, _):
        self.marks.append(len(self.stack))

    def make_tuple(self, _):
        self.stack.append(self.pop_marked())

    def make_list(self, _):
        self.stack.append(list(self.pop_marked()))

    def make_dict(self, _):
        values = self.pop_marked()
        self.stack.append({})
        self.extend_dict(values)

    def append(self, _):
        self.extend_list(self.pop_last(1))

    def appends(self, _):
        self.extend_list(self.pop_marked())

    def set_item(self, _):
        self.extend_dict(self.pop_last(2))

    def set_items(self, _):
        self.extend_dict(self.pop_marked())

    def put(self, index):
        self.memo[index] = self.stack[-1]

    def memoize(self, _):
        self.memo[len(self.memo)] = self.stack[-1]

    def get(self, index):
        self.stack.append(self.memo[index])

    def global_name(self, argument):
        self.push_known(*argument.split(" ", 1))

    def stack_global(self, _):
        module, name = self.pop_last(2)
        if not (isinstance(module, str) and isinstance(name, str)):
            raise TypeError("a name that is not a text")
        self.push_known(module, name)

    def call(self, _):
        function, arguments = self.pop_last(2)
        if not callable(function):
            raise TypeError("a call of what is not a function")
        self.charge(arguments, *arguments)
        self.stack.append(function(*arguments))

    def build(self, _):
        # An OrderedDict's attributes and a NumPy dtype's are of no use here;
        # a record keeps them, and a fastcore L keeps its elements in them.
        (state,) = self.pop_last(1)
        target = self.stack[-1]
        if isinstance(target, Record):
            if not isinstance(state, dict):
                raise TypeError(
                    f"attributes of {target.class_name} that are not a dict"
                )
            target.attributes = state
        elif isinstance(target, list):
            self.charge(state["items"])
            self.extend_list(state["items"])

    def load_persistent(self, _):
        if self.persistent is None:
            self.refuse("an object that lies outside of the pickle")
        (persistent_id,) = self.pop_last(1)
        self.charge(persistent_id)
        self.stack.append(self.persistent(persistent_id))


_STEPS = {
    "MARK": _Machine.mark,
    "TUPLE": _Machine.make_tuple,
    "LIST": _Machine.make_list,
    "DICT": _Machine.make_dict,
    "APPEND": _Machine.append,
    "APPENDS": _Machine.appends,
    "SETITEM": _Machine.set_item,
    "SETITEMS": _Machine.set_items,
    "PUT": _Machine.put,
    "BINPUT": _Machine.put,
    "LONG_BINPUT": _Machine.put,
    "MEMOIZE": _Machine.memoize,
    "GET": _Machine.get,
    "BINGET": _Machine.get,
    "LONG_BINGET": _Machine.get,
    "GLOBAL": _Machine.global_name,
    "STACK_GLOBAL": _Machine.stack_global,
    "REDUCE": _Machine.call,
    "NEWOBJ": _Machine.call,
    "BUILD": _Machine.build,
    "BINPERSID": _Machine.load_persistent,
}
