"""What the pickle in a file of torch says of its tensors."""

import dataclasses

import numpy as np

from ulmfit_keras.convert.stand_ins import list_object
from ulmfit_keras.convert.stand_ins import nothing
from ulmfit_keras.convert.stand_ins import ordered_dict

DTYPES = {
    "DoubleStorage": "f8",
    "FloatStorage": "f4",
    "HalfStorage": "f2",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "i8",
    "IntStorage": "i4",
    "ShortStorage": "i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
}
_MOST_DIMENSIONS = 64  # NumPy's


@dataclasses.dataclass(frozen=True)
class Storage:
    """Numbers in a file: the key they are filed under, type and count."""

    key: str
    dtype: str
    size: int

    @property
    def itemsize(self):
        return 2 if self.dtype == "bfloat16" else np.dtype(self.dtype).itemsize


@dataclasses.dataclass(frozen=True)
class Tensor:
    """How a tensor lies in a storage; all units are elements."""

    storage: Storage
    offset: int
    shape: tuple
    strides: tuple


def is_count(value):
    """Whether a value counts elements whose bytes NumPy can count."""
    return isinstance(value, int) and 0 <= value < 1 << 59


def _tensor(storage, offset, shape, strides, *_):
    if not (
        isinstance(storage, Storage)
        and len(shape) == len(strides) <= _MOST_DIMENSIONS
        and all(map(is_count, (offset, *shape, *strides)))
    ):
        raise ValueError("a tensor that cannot be")
    return Tensor(storage, offset, tuple(shape), tuple(strides))


def _parameter(tensor, *_):
    """A parameter or, before torch 0.4, a variable: what it holds."""
    return tensor


KNOWN = {
    "collections.OrderedDict": ordered_dict,
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_parameter": _parameter,
    "torch.nn.parameter.Parameter": _parameter,
    "torch.autograd.variable.Variable": _parameter,
    **{f"torch.{name}": dtype for name, dtype in DTYPES.items()},
    **{f"torch.cuda.{name}": dtype for name, dtype in DTYPES.items()},
    # What fastai's optimizers keep besides; no weights.
    "fastcore.foundation.L": list_object,
    "numpy.core.multiarray.scalar": nothing,
    "numpy._core.multiarray.scalar": nothing,
    "numpy.dtype": nothing,
    "_codecs.encode": nothing,
}
