"""A folder in parcels of limited size, and back: for narrow ways.

Commands:
    python -m recipes.parcels pack corpus parcels
    python -m recipes.parcels unpack parcels corpus
Hardware, minutes: one core of an AMD EPYC, one for 100 MiB (2026-11-21).

A list with the sha256 of every parcel goes along, so that a lost or damaged
one is named. Besides absl only Python's standard library is imported.
"""

import hashlib
import io
import json
import lzma
import math
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
        ValueError: if a parcel would hold less than a byte, `destination`
            lies in the folder, or this holds a link or anything else that
            `unpack` would refuse.
    """
    folder, destination = pathlib.Path(folder), pathlib.Path(destination)
    if not folder.is_dir():
        raise FileNotFoundError(
            f"`folder` must be a folder to be packed. Received: {folder}"
        )
    if not 1 <= mib * 2**20 < math.inf:  # no bytes would take endless parcels
        raise ValueError(
            "`mib` must be a finite number, and no less than 2**-20, a byte. "
            f"Received: mib={mib}"
        )
    if destination.resolve().is_relative_to(folder.resolve()):
        raise ValueError(
            "`destination` must be outside of the folder, whose files parcels "
            f"could replace. Received: {destination} for the folder {folder}"
        )
    paths = sorted(folder.rglob("*"))
    for path in paths:
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise ValueError(
                "Only files and folders can be packed. Put a copy in the "
                f"place of a link, and leave out all else. Received: {path}"
            )
    destination.mkdir(parents=True, exist_ok=True)
    writer = _ParcelWriter(destination, int(mib * 2**20))
    # What has two names in the folder (hard links) is packed twice.
    with tarfile.open(fileobj=writer, mode="w|xz", dereference=True) as archive:
        for path in paths:
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

    Raises:
        ValueError: if that list is not one that `pack` wrote.
    """
    parcels = pathlib.Path(parcels)
    if not (parcels / LIST_FILE).is_file():
        return [LIST_FILE]
    names = _read_checksums(parcels / LIST_FILE)
    return [name for name in names if not (parcels / name).is_file()]


def unpack(parcels, destination):
    """Write the files that `pack` packed.

    Args:
        parcels: path of the folder with all parcels and their list.
        destination: path of the folder to be written.

    Raises:
        FileNotFoundError: if a parcel is missing, with its name.
        ValueError: if a parcel is damaged, with its name, or holds what
            would be written outside of `destination`; if the list is not one
            that `pack` wrote, or the parcels are not all that it wrote.
    """
    parcels = pathlib.Path(parcels)
    if absent := missing(parcels):
        raise FileNotFoundError(
            f"{parcels} must hold every parcel. Carry the others there, too. "
            f"Received: no {', '.join(absent)}"
        )
    checksums = _read_checksums(parcels / LIST_FILE)
    for name, expected in checksums.items():
        with open(parcels / name, "rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != expected:
            raise ValueError(
                f"{parcels / name} must have the sha256 {expected}. Carry it "
                f"there again. Received: {found}"
            )
    reader = io.BufferedReader(_ParcelReader([parcels / n for n in checksums]))
    # Pythons before 3.11.4 have no filters.
    safe = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
    try:
        # Not "r|xz", which takes some breaks in the data for their end.
        with (
            lzma.open(reader) as plain,
            tarfile.open(fileobj=plain, mode="r|") as archive,
        ):
            archive.extractall(destination, _only_inside(archive), **safe)
    except (EOFError, lzma.LZMAError, tarfile.TarError) as error:
        raise ValueError(
            f"The parcels in {parcels} must be all that were packed, in their "
            "order: pack the folder again, and carry all of them. "
            f"Received: {error}"
        ) from error


def _read_checksums(path):
    """The sha256 of the parcels, by their names in order."""
    try:
        checksums = json.loads(path.read_text())
    except ValueError:
        checksums = None
    if not (isinstance(checksums, dict) and checksums):
        raise ValueError(
            f"{path} must be the list that was packed with the parcels: a JSON "
            "object of their sha256 by name. Carry it there again. Received: "
            f"{path.read_bytes()[:80]!r}"
        )
    return checksums


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
