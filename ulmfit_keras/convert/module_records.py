"""Models that awd-lstm-lm pickled whole, read without its classes.

Its `main.py` saves `[model, criterion, optimizer]`. Each object in there is
read as a `Record` of its attributes, and the state dict is put together from
these as torch does it.
"""

import itertools

from ulmfit_keras.convert.stand_ins import Record
from ulmfit_keras.convert.stand_ins import default_dict
from ulmfit_keras.convert.stand_ins import nothing
from ulmfit_keras.convert.stand_ins import record_class

_RECORDS = (
    "model.RNNModel",
    "weight_drop.WeightDrop",
    "locked_dropout.LockedDropout",
    "splitcross.SplitCrossEntropyLoss",
    "data.Corpus",
    "data.Dictionary",
    # The LSTM's alternatives, so that they are refused by what they are.
    "torchqrnn.qrnn.QRNNLayer",
    "torch.nn.modules.rnn.GRU",
    "torch.nn.modules.rnn.LSTM",
    "torch.nn.modules.container.ModuleList",
    "torch.nn.modules.dropout.Dropout",
    "torch.nn.modules.linear.Linear",
    "torch.nn.modules.loss.CrossEntropyLoss",
    "torch.nn.modules.sparse.Embedding",
    "torch.optim.adam.Adam",
    "torch.optim.asgd.ASGD",
    "torch.optim.sgd.SGD",
)
# What these objects refer to besides, and which is of no use: the method that
# `WeightDrop` puts in place of `flatten_parameters`, the first backends of
# torch, the hooks of modules and the counts of words.
_NOTHING = (
    "torch.nn.backends.thnn._get_thnn_function_backend",
    "torch.backends.cudnn.rnn.Unserializable",
    "collections.Counter",
    *(
        f"{module}.{name}"
        for module in ("__builtin__", "builtins")
        for name in ("dict", "getattr", "list", "set")
    ),
)
CLASSES = {
    **{name: record_class(name) for name in _RECORDS},
    **dict.fromkeys(_NOTHING, nothing),
    "collections.defaultdict": default_dict,
}

_KINDS = ("_parameters", "_buffers", "_modules")


def module_tensors(modules, limit):
    """The parameters and buffers of modules, named as torch names them.

    Args:
        modules: dict from prefixes to a `Record` each.
        limit: int, how many characters all names may have together. A real
            model needs far less than the size of its file; in a hostile one
            a few bytes repeat a long name.

    Returns:
        A dict from names to what the file has under them.

    Raises:
        TypeError, ValueError: if these are not the modules of a model.
    """
    found, seen, characters = {}, set(), 0
    waiting = list(reversed(modules.items()))
    while waiting:
        prefix, module = waiting.pop()
        if not isinstance(module, Record):
            raise TypeError(f"a {type(module).__name__} for a module")
        if id(module) in seen:
            raise ValueError(
                f"a module that is there twice, a {module.class_name}"
            )
        seen.add(id(module))
        held = {kind: _parts(module, kind) for kind in _KINDS}
        for name in itertools.chain.from_iterable(held.values()):
            characters += len(prefix) + len(name) + 1
            if characters > limit:
                raise ValueError("names that are longer than the file")
        for name, tensor in (held["_parameters"] | held["_buffers"]).items():
            if tensor is not None:
                found[prefix + name] = tensor
        waiting += [
            (f"{prefix}{name}.", child)
            for name, child in reversed(held["_modules"].items())
            if child is not None
        ]
    return found


def _parts(module, kind):
    parts = module.attributes.get(kind)
    if not (isinstance(parts, dict) and all(isinstance(n, str) for n in parts)):
        raise TypeError(f"a {module.class_name} without {kind}")
    return parts
