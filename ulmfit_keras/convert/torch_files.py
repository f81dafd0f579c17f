"""Read the tensors of a file that `torch.save` wrote, without torch.

Both formats are read: the zip archive of torch 1.6 and later, and the row of
pickles before it. No code of a file is run; see `restricted_pickle`.
"""

import contextlib
import io
import math
import mmap
import os
import zipfile

import numpy as np

from ulmfit_keras.convert.errors import CheckpointError
from ulmfit_keras.convert.restricted_pickle import read_pickle
from ulmfit_keras.convert.tensor_records import DTYPES
from ulmfit_keras.convert.tensor_records import KNOWN
from ulmfit_keras.convert.tensor_records import Storage
from ulmfit_keras.convert.tensor_records import Tensor

_ADVICE = (
    "Save a state dict, `torch.save(model.state_dict(), path)`, rather than a "
    "model: `torch.load` it where its own code is at hand (awd-lstm-lm: "
    "`model, criterion, optimizer = torch.load(path)`)."
)
_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_LEGACY_PROTOCOL = 1001


class _File:
    """What both formats share.

    Attributes:
        content: the object that was saved, tensors as `Tensor`.
    """

    byte_order = "<"

    def __init__(self, path):
        self.path = path
        self.size = os.path.getsize(path)
        self.bytes_read = 0
        self.bytes_made = 0
        self.storages = {}
        self.values = {}

    def damaged(self, problem):
        return CheckpointError(
            "A file of weights must be whole, as `torch.save` wrote it. "
            f"Received: {self.path}, {problem}"
        )

    def read_pickle(self, file):
        return read_pickle(
            file, str(self.path), KNOWN, _ADVICE, persistent=self.storage
        )

    def storage(self, persistent_id):
        """The storage that a pickle refers to."""
        kind, dtype, key, _, size, *view = persistent_id
        if not (
            kind == "storage"
            and dtype in DTYPES.values()
            and isinstance(key, str)
            and isinstance(size, int)
            and 0 <= size < 1 << 62
            and not any(view)
        ):
            # Not its text, which may be endless.
            raise ValueError(
                "a stored object that is no tensor, with a first item of type "
                f"{type(kind).__name__}"
            )
        storage = Storage(key, dtype, size)
        if self.storages.setdefault(key, storage) != storage:
            raise ValueError("a storage of two sizes")
        return storage

    def storage_values(self, storage):
        """The numbers of a storage, 1-D; bfloat16 as float32."""
        if storage.key not in self.values:
            # Parts of a zip file may overlap, and so unpack to far more.
            self.bytes_read += storage.size * storage.itemsize
            if self.bytes_read > self.size:
                raise self.damaged("which is shorter than its tensors")
            data = self.storage_bytes(storage)
            if storage.dtype == "bfloat16":
                halves = np.frombuffer(data, self.byte_order + "u2")
                values = (halves.astype("u4") << 16).view("f4")
            else:
                values = np.frombuffer(data, self.byte_order + storage.dtype)
            self.values[storage.key] = values
        return self.values[storage.key]

    def array(self, tensor):
        """A tensor as a NumPy array of its own."""
        shape, strides, size = (
            tensor.shape,
            tensor.strides,
            tensor.storage.size,
        )
        last = sum(
            (n - 1) * stride for n, stride in zip(shape, strides, strict=True)
        )
        numbers = math.prod(shape)
        if numbers > size or (numbers and tensor.offset + last >= size):
            raise self.damaged(
                f"with a tensor of shape {shape} in {size} numbers"
            )
        # Names may share numbers, as three do in a tied language model, but
        # a million names must not.
        self.bytes_made += numbers * tensor.storage.itemsize
        if self.bytes_made > 4 * self.size:
            raise self.damaged("with too many tensors on the same numbers")
        values = self.storage_values(tensor.storage)
        try:
            view = np.lib.stride_tricks.as_strided(
                values[tensor.offset :],
                shape,
                [stride * values.itemsize for stride in strides],
            )
        except (ValueError, OverflowError) as error:
            raise self.damaged(f"with a tensor of shape {shape}") from error
        return view.astype(values.dtype.newbyteorder("="))


class _ZipFile(_File):
    """An archive with a pickle, `data.pkl`, and a part for each storage."""

    def __init__(self, path):
        super().__init__(path)
        with self.damage_named():
            self.archive = zipfile.ZipFile(path)
        names = self.archive.namelist()
        pickles = [
            name for name in names if name.split("/")[1:] == ["data.pkl"]
        ]
        if len(pickles) != 1:
            raise self.damaged("an archive without one data.pkl")
        self.folder = pickles[0].removesuffix("data.pkl")
        if self.folder + "byteorder" in names:
            if self.part("byteorder") == b"big":
                self.byte_order = ">"
        self.content = self.read_pickle(io.BytesIO(self.part("data.pkl")))

    @contextlib.contextmanager
    def damage_named(self):
        try:
            yield
        except (
            zipfile.BadZipFile,
            EOFError,
            LookupError,  # a missing part
            NotImplementedError,
            OSError,
            RuntimeError,  # an encrypted part
            ValueError,
        ) as error:
            raise self.damaged(f"where {error!s:.200}") from error

    def part(self, name):
        with self.damage_named():
            info = self.archive.getinfo(self.folder + name)
            # torch never compresses, and a few bytes may unpack to anything.
            stored = info.compress_type == zipfile.ZIP_STORED
            if not stored or info.file_size > self.size:
                raise ValueError(f"{name:.100} is larger than the file")
            return self.archive.read(info)

    def storage_bytes(self, storage):
        data = self.part(f"data/{storage.key}")
        size = storage.size * storage.itemsize
        if len(data) != size:
            raise self.damaged(
                f"with {len(data)} bytes where {size} were to be"
            )
        return data

    def close(self):
        self.archive.close()


class _LegacyFile(_File):
    """Pickles of a magic number, a version, the machine, the object and the
    storages' keys; then of each storage its size (int64) and its numbers.
    """

    def __init__(self, path):
        super().__init__(path)
        with open(path, "rb") as file:
            self.data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        if self.read_pickle(self.data) != _LEGACY_MAGIC:
            raise self.damaged("a pickle of something else")
        if self.read_pickle(self.data) != _LEGACY_PROTOCOL:
            raise self.damaged("of an unknown version")
        self.read_pickle(self.data)
        self.content = self.read_pickle(self.data)
        self.places = self.find_places(self.read_pickle(self.data))

    def find_places(self, keys):
        """The place in the file of each storage's numbers, by its key."""
        places, place = {}, self.data.tell()
        if not isinstance(keys, list) or len(keys) > len(self.storages):
            raise self.damaged("without a list of its storages")
        for key in keys:
            storage = isinstance(key, str) and self.storages.get(key)
            head = self.data[place : place + 8]
            if not storage or int.from_bytes(head, "little") != storage.size:
                raise self.damaged("with a storage of another size")
            places[key] = place + 8
            place += 8 + storage.size * storage.itemsize
        if place > self.size:
            raise self.damaged("which is shorter than its tensors")
        return places

    def storage_bytes(self, storage):
        if storage.key not in self.places:
            raise self.damaged("with a tensor without numbers")
        size = storage.size * storage.itemsize
        start = self.places[storage.key]
        return memoryview(self.data)[start : start + size]

    def close(self):
        self.values.clear()
        self.data.close()


def _open(path):
    with open(path, "rb") as file:
        start = file.read(4)
    if start == b"PK\x03\x04":
        return _ZipFile(path)
    if start[:1] == b"\x80":
        return _LegacyFile(path)
    raise CheckpointError(
        "A file of weights must be one that `torch.save` wrote. "
        f"Received: {path}, which starts with {start!r}"
    )


def read_state_dict(path):
    """Read the weights in a file of torch, without torch.

    Args:
        path: of a file that `torch.save` wrote, in its present or its older
            format: a state dict, or a dict with one under `"model"`, as
            fastai's `Learner.save` writes.

    Returns:
        A dict from names to NumPy arrays of the types in the file (bfloat16
        as float32), in the order of the file.

    Raises:
        CheckpointError: if the file holds anything besides tensors and plain
            data, such as a pickled model, or is damaged.
        OSError: if it cannot be opened.

    Example:

    ```python
    list(read_state_dict("wt103-fwd.pth"))[0]  # "0.encoder.weight"
    ```
    """
    with contextlib.closing(_open(path)) as file:
        tensors = file.content
        if isinstance(tensors, dict) and "model" in tensors:
            tensors = tensors["model"]
        if not (
            isinstance(tensors, dict)
            and tensors
            and all(
                isinstance(name, str) and isinstance(tensor, Tensor)
                for name, tensor in tensors.items()
            )
        ):
            raise CheckpointError(
                "A file of weights must hold a dict from names to tensors, or "
                f'one under "model". {_ADVICE} Received: {path}, which holds '
                f"a {type(tensors).__name__}"
            )
        return {name: file.array(tensor) for name, tensor in tensors.items()}
