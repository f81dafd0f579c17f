"""A folder in parcels of limited size, and back: for narrow ways.

Commands:
    python -m recipes.parcels pack corpus parcels
    python -m recipes.parcels unpack parcels corpus
Minutes: one for 100 MiB.

A list with the sha256 of every parcel goes along, so that a lost or damaged
one is named. Besides absl only Python's standard library is imported.
"""

import hashlib
import io
import json
import pathlib
import tarfile

from absl import app

from recipes import common

LIST_FILE = "parcels.json"
_SUFFIX = ".parcel"


def pack(folder, destination, mib=15.0):
    """Write the files of a folder as compressed parcels.

    Args:
        folder: path of the folder.
        destination: path of the folder for the parcels, made where missing.
        mib: size of a parcel at most, in MiB. Defaults to 15.

    Returns:
        The paths of the parcels, the list of them last.

    Raises:
        FileNotFoundError: if there is no such folder.
    """
    folder, destination = pathlib.Path(folder), pathlib.Path(destination)
    if not folder.is_dir():
        raise FileNotFoundError(
            f"`folder` must be a folder to be packed. Received: {folder}"
        )
    destination.mkdir(parents=True, exist_ok=True)
    writer = _ParcelWriter(destination, int(mib * 2**20))
    with tarfile.open(fileobj=writer, mode="w|xz") as archive:
        for path in sorted(folder.rglob("*")):
            archive.add(path, path.relative_to(folder), recursive=False)
    writer.close()
    listed = destination / LIST_FILE
    listed.write_text(json.dumps(writer.checksums, indent=1) + "\n")
    return [*(destination / name for name in writer.checksums), listed]


def missing(parcels):
    """The names of the parcels that a folder of them still lacks.

    Args:
        parcels: path of the folder.

    Returns:
        A list of file names; the list of parcels itself, if that is missing.
    """
    parcels = pathlib.Path(parcels)
    if not (parcels / LIST_FILE).is_file():
        return [LIST_FILE]
    names = json.loads((parcels / LIST_FILE).read_text())
    return [name for name in names if not (parcels / name).is_file()]


def unpack(parcels, destination):
    """Write the files that `pack` packed.

    Args:
        parcels: path of the folder with all parcels and their list.
        destination: path of the folder to be written.

    Raises:
        FileNotFoundError: if a parcel is missing, with its name.
        ValueError: if a parcel is damaged, with its name, or holds what
            would be written outside of `destination`.
    """
    parcels = pathlib.Path(parcels)
    if absent := missing(parcels):
        raise FileNotFoundError(
            f"{parcels} must hold every parcel. Carry the others there, too. "
            f"Received: no {', '.join(absent)}"
        )
    checksums = json.loads((parcels / LIST_FILE).read_text())
    for name, expected in checksums.items():
        with open(parcels / name, "rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != expected:
            raise ValueError(
                f"{parcels / name} must have the sha256 {expected}. Carry it "
                f"there again. Received: {found}"
            )
    reader = io.BufferedReader(_ParcelReader([parcels / n for n in checksums]))
    with tarfile.open(fileobj=reader, mode="r|xz") as archive:
        # Pythons before 3.11.4 have no filters.
        safe = hasattr(tarfile, "data_filter")
        archive.extractall(
            destination,
            _only_inside(archive),
            **({"filter": "data"} if safe else {}),
        )


def _only_inside(archive):
    """The members of an archive, each a file or a folder inside of it."""
    for member in archive:
        path = pathlib.PurePosixPath(member.name)
        plain = member.isfile() or member.isdir()
        if path.is_absolute() or ".." in path.parts or not plain:
            raise ValueError(
                "Parcels must hold files and folders, and none outside of "
                f"their own folder. Received: {member.name!r}"
            )
        yield member


class _ParcelWriter:
    """A file for writing that goes on in another one when it is full."""

    def __init__(self, destination, size):
        self.checksums = {}
        self._destination = destination
        self._size = size
        self._waiting = bytearray()

    def write(self, block):
        self._waiting += block
        while len(self._waiting) >= self._size:
            self._write_parcel()
        return len(block)

    def close(self):
        if self._waiting:
            self._write_parcel()

    def _write_parcel(self):
        name = f"{len(self.checksums):03}{_SUFFIX}"
        block = bytes(self._waiting[: self._size])
        del self._waiting[: self._size]
        (self._destination / name).write_bytes(block)
        self.checksums[name] = hashlib.sha256(block).hexdigest()


class _ParcelReader(io.RawIOBase):
    """One file for reading made of many."""

    def __init__(self, paths):
        self._paths = list(paths)
        self._file = open(self._paths.pop(0), "rb")

    def readable(self):
        return True

    def readinto(self, buffer):
        while not (count := self._file.readinto(buffer)) and self._paths:
            self._file.close()
            self._file = open(self._paths.pop(0), "rb")
        return count

    def close(self):
        self._file.close()
        super().close()


@common.user_errors()
def main(arguments):
    match arguments[1:]:
        case "pack", folder, destination:
            for path in pack(folder, destination):
                print(f"{path}  {path.stat().st_size / 2**20:.2f} MiB")
        case "unpack", folder, destination:
            unpack(folder, destination)
        case other:
            raise app.UsageError(
                "Say pack or unpack, and two folders: from where, to where. "
                f"Received: {' '.join(other)}"
            )


if __name__ == "__main__":
    app.run(main)
