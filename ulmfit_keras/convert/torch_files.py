"""The two formats of a file that `torch.save` wrote, read without torch.

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
from ulmfit_keras.convert.module_records import CLASSES
from ulmfit_keras.convert.restricted_pickle import read_pickle
from ulmfit_keras.convert.tensor_records import DTYPES
from ulmfit_keras.convert.tensor_records import KNOWN
from ulmfit_keras.convert.tensor_records import Storage
from ulmfit_keras.convert.tensor_records import is_count

_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_LEGACY_PROTOCOL = 1001
_ZIP_START = b"PK\x03\x04"


class _File:
    """What both formats share.

    Attributes:
        content: the object that was saved, tensors as `Tensor`, objects of
            the known classes as `Record`.
    """

    byte_order = "<"

    def __init__(self, path, advice):
        self.path = path
        self.advice = advice
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
            file,
            str(self.path),
            KNOWN | CLASSES,
            self.advice,
            persistent=self.stored,
        )

    def stored(self, persistent_id):
        """The storage that a pickle refers to, or the class."""
        if len(persistent_id) == 4 and persistent_id[0] == "module":
            # The older format adds the source code of each module's class.
            return persistent_id[1]
        kind, dtype, key, _, size, *view = persistent_id
        if not (
            kind == "storage"
            and dtype in DTYPES.values()
            and isinstance(key, str)
            and is_count(size)
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

    def __init__(self, path, advice):
        super().__init__(path, advice)
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

    def __init__(self, path, advice):
        super().__init__(path, advice)
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
        # An error that is on its way may hold numbers of the file yet; then
        # Python closes it with the last of them.
        with contextlib.suppress(BufferError):
            self.data.close()


def open_torch_file(path, advice):
    """Open a file that `torch.save` wrote.

    Args:
        path: of the file.
        advice: str, a sentence that says which files can be read.

    Returns:
        A `_File`, to be closed after use.

    Raises:
        CheckpointError: if the file names anything that is not known, or is
            damaged.
        OSError: if it cannot be opened.
    """
    with open(path, "rb") as file:
        start = file.read(4)
    if start == _ZIP_START:
        return _ZipFile(path, advice)
    if start[:1] == b"\x80":
        return _LegacyFile(path, advice)
    raise CheckpointError(
        "A file of weights must be one that `torch.save` wrote. "
        f"Received: {path}, which starts with {start!r}"
    )


def is_torch_file(path):
    """Whether a file starts as `torch.save` has it, in either format."""
    with open(path, "rb") as file:
        start = file.read(32)
    magic = _LEGACY_MAGIC.to_bytes(10, "little")
    return start.startswith(_ZIP_START) or magic in start
