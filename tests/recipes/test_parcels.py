"""A folder goes into parcels and comes out of them as it was."""

import hashlib
import io
import json
import os
import tarfile

import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from recipes import parcels


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "folder"
    (folder / "assets").mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "assets" / "empty").write_bytes(b"")
    # Every byte once in a while, so that nothing packs well.
    state, block = 1, bytearray()
    for _ in range(200_000):
        state = state * 48271 % 2147483647
        block.append(state & 255)
    (folder / "assets" / "weights").write_bytes(block)
    return folder


def contents(folder):
    return {
        str(path.relative_to(folder)): path.is_file() and path.read_bytes()
        for path in folder.rglob("*")
    }


def test_parcels_are_small_and_give_the_folder_back(tmp_path, folder):
    *packed, listed = parcels.pack(folder, tmp_path / "parcels", mib=1 / 16)
    assert len(packed) == 4
    assert all(path.stat().st_size <= 2**16 for path in packed)
    assert listed.name == parcels.LIST_FILE
    parcels.unpack(tmp_path / "parcels", tmp_path / "back")
    assert contents(tmp_path / "back") == contents(folder)


@pytest.mark.parametrize(
    "name, kind",
    [
        ("../outside", tarfile.REGTYPE),
        ("/tmp/outside", tarfile.REGTYPE),
        ("link", tarfile.SYMTYPE),
        ("device", tarfile.CHRTYPE),
    ],
)
def test_nothing_is_written_outside(tmp_path, name, kind):
    member = tarfile.TarInfo(name)
    member.type = kind
    member.linkname = "/etc"
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w|xz") as archive:
        archive.addfile(member)
    block = buffer.getvalue()
    (tmp_path / "000.parcel").write_bytes(block)
    checksums = {"000.parcel": hashlib.sha256(block).hexdigest()}
    (tmp_path / parcels.LIST_FILE).write_text(json.dumps(checksums))
    with pytest.raises(ValueError, match=f"outside of.*Received: '{name}'"):
        parcels.unpack(tmp_path, tmp_path / "inner" / "back")
    assert not (tmp_path / "inner" / "outside").exists()


@settings(max_examples=20, deadline=None)
@given(size=st.integers(1, 200_000), content=st.binary(max_size=300))
def test_any_size_of_parcels(tmp_path_factory, size, content):
    root = tmp_path_factory.mktemp("any")
    (root / "folder").mkdir()
    (root / "folder" / "file").write_bytes(content * 7)
    parcels.pack(root / "folder", root / "parcels", mib=max(size, 20) / 2**20)
    parcels.unpack(root / "parcels", root / "back")
    assert (root / "back" / "file").read_bytes() == content * 7


def test_a_parcel_that_is_missing_is_named(tmp_path, folder):
    target = tmp_path / "parcels"
    assert parcels.missing(target) == [parcels.LIST_FILE]
    parcels.pack(folder, target, mib=1 / 16)
    assert parcels.missing(target) == []
    (target / "002.parcel").unlink()
    assert parcels.missing(target) == ["002.parcel"]
    with pytest.raises(FileNotFoundError, match=r"Received: no 002\.parcel"):
        parcels.unpack(target, tmp_path / "back")
    assert not (tmp_path / "back").exists()


@pytest.mark.parametrize("content", ["{}", '["000.parcel"]', "3", "{", "é"])
def test_a_list_that_is_none_is_named(tmp_path, content):
    (tmp_path / parcels.LIST_FILE).write_text(content, encoding="latin-1")
    for read in (
        parcels.missing,
        lambda folder: parcels.unpack(folder, tmp_path / "back"),
    ):
        with pytest.raises(ValueError, match=r"parcels\.json must be the list"):
            read(tmp_path)


@pytest.mark.parametrize("files", [1, 3])
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9])
def test_an_archive_that_ends_too_early(tmp_path, folder, files, kept):
    """Its list fits, so only the archive itself can tell."""
    for number in range(files):
        (folder / f"copy_{number}").write_bytes(b"little" * number)
    target = tmp_path / "parcels"
    parcels.pack(folder, target)
    block = (target / "000.parcel").read_bytes()
    shorten(target, int(kept * len(block)))
    with pytest.raises(ValueError, match="must be all that were packed"):
        parcels.unpack(target, tmp_path / "back")


def shorten(target, size):
    """Let the only parcel and its list be of the first bytes alone."""
    path = target / "000.parcel"
    block = path.read_bytes()[:size]
    path.write_bytes(block)
    checksums = {path.name: hashlib.sha256(block).hexdigest()}
    (target / parcels.LIST_FILE).write_text(json.dumps(checksums))


def test_a_damaged_parcel_is_named(tmp_path, folder):
    target = tmp_path / "parcels"
    parcels.pack(folder, target, mib=1 / 16)
    block = bytearray((target / "001.parcel").read_bytes())
    block[7] ^= 1
    (target / "001.parcel").write_bytes(block)
    with pytest.raises(ValueError, match=r"001\.parcel must have the sha256"):
        parcels.unpack(target, tmp_path / "back")


@pytest.mark.parametrize("mib", [0, -1, 2**-21, float("inf"), float("nan")])
def test_parcels_without_a_size(tmp_path, folder, mib):
    with pytest.raises(ValueError, match="finite number.*Received: mib="):
        parcels.pack(folder, tmp_path / "parcels", mib)
    assert not (tmp_path / "parcels").exists()


def test_a_file_of_two_names_is_packed_twice(tmp_path, folder):
    (folder / "other").hardlink_to(folder / "assets" / "weights")
    parcels.pack(folder, tmp_path / "parcels")
    parcels.unpack(tmp_path / "parcels", tmp_path / "back")
    assert contents(tmp_path / "back") == contents(folder)


@pytest.mark.parametrize(
    "make",
    [
        lambda path: path.symlink_to("config.json"),
        lambda path: path.symlink_to("assets"),
        lambda path: path.symlink_to("absent"),
        os.mkfifo,
    ],
    ids=["to a file", "to a folder", "to nothing", "pipe"],
)
def test_what_could_not_be_unpacked_is_not_packed(tmp_path, folder, make):
    make(folder / "link")
    with pytest.raises(ValueError, match="Only files and folders.*/link"):
        parcels.pack(folder, tmp_path / "parcels")
    assert not (tmp_path / "parcels").exists()


@pytest.mark.parametrize("inner", ["", "deep/er"])
def test_parcels_replace_nothing_of_the_folder(tmp_path, folder, inner):
    (folder / "000.parcel").write_text("mine")
    before = contents(folder)
    with pytest.raises(ValueError, match="must be outside of the folder"):
        parcels.pack(folder, tmp_path / "inner" / ".." / "folder" / inner)
    assert contents(folder) == before


def test_a_folder_may_lie_beside_its_parcels(tmp_path, folder):
    parcels.pack(folder, tmp_path)
    parcels.unpack(tmp_path, tmp_path / "back")
    assert contents(tmp_path / "back") == contents(folder)


def test_no_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match="must be a folder to be"):
        parcels.pack(tmp_path / "absent", tmp_path / "parcels")


def test_no_folder_on_the_command_line(run_recipe, tmp_path):
    run = run_recipe(
        "parcels", "pack", str(tmp_path / "absent"), str(tmp_path / "parcels")
    )
    assert run.code == 1 and "Traceback" not in run.stderr
    assert "must be a folder to be packed" in run.stderr
