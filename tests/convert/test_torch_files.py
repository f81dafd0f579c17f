"""Files that torch wrote, read without it; damaged ones refused."""

import pickle
import struct
import zipfile
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from ulmfit_keras.convert import CheckpointError
from ulmfit_keras.convert import read_state_dict

ARRAY = np.arange(6, dtype=np.float32).reshape(2, 3)


@pytest.fixture
def read(tmp_path, formats):
    """read(opcodes, storages) of an archive with these parts."""

    def read(items, storages, **kwargs):
        path = formats.write_zip(
            tmp_path / "weights.pth",
            formats.pickled_dict(items),
            storages,
            **kwargs,
        )
        return read_state_dict(path)

    return read


@pytest.mark.parametrize("legacy", [False, True])
def test_both_formats_are_read_without_torch(
    tmp_path, formats, legacy, without_torch
):
    arrays = {"a": ARRAY, "b": np.float32([7, 8]), "c": ARRAY}
    path = formats.write_weights(tmp_path / "w.pth", arrays, legacy)
    found = read_state_dict(path)
    assert list(found) == ["a", "b", "c"]
    for name, array in arrays.items():
        assert found[name].dtype == np.float32
        np.testing.assert_array_equal(found[name], array)


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("protocol", [2, 4])
def test_files_that_torch_saved(tmp_path, zipped, protocol):
    torch = pytest.importorskip("torch")
    base = torch.arange(24.0).reshape(4, 6)
    tensors = {
        "plain": base,
        "transposed": base.t(),
        "part": base[1:3, 2:5],
        "parameter": torch.nn.Parameter(base[0].clone()),
        "scalar": torch.tensor(3),
        "empty": torch.zeros(0, 3),
        "bool": torch.tensor([True, False]),
        "half": torch.tensor([0.5, -2.0]).half(),
        "bfloat16": torch.tensor([1.5, -3e38, 1e-30]).bfloat16(),
        "double": torch.tensor([np.pi], dtype=torch.float64),
        "byte": torch.tensor([200], dtype=torch.uint8),
    }
    path = tmp_path / "w.pth"
    torch.save(
        tensors,
        path,
        pickle_protocol=protocol,
        _use_new_zipfile_serialization=zipped,
    )
    found = read_state_dict(path)
    assert found.keys() == tensors.keys()
    for name, tensor in tensors.items():
        values = tensor.detach()
        if name == "bfloat16":
            values = values.float()
        assert found[name].dtype == values.numpy().dtype, name
        np.testing.assert_array_equal(found[name], values.numpy(), name)


@pytest.mark.parametrize("zipped", [False, True])
def test_state_dicts_with_an_optimizer(tmp_path, zipped):
    torch = pytest.importorskip("torch")
    module = torch.nn.LSTM(3, 2)
    optimizer = torch.optim.Adam(module.parameters())
    module(torch.ones(1, 3))[0].sum().backward()
    optimizer.step()
    state = {"model": module.state_dict(), "opt": optimizer.state_dict()}
    path = tmp_path / "w.pth"
    torch.save(state, path, _use_new_zipfile_serialization=zipped)
    found = read_state_dict(path)
    assert list(found) == list(module.state_dict())
    for name, tensor in module.state_dict().items():
        np.testing.assert_array_equal(found[name], tensor.numpy())


@pytest.mark.parametrize("zipped", [False, True])
def test_pickled_modules_are_refused_with_what_to_do(tmp_path, zipped):
    torch = pytest.importorskip("torch")
    path = tmp_path / "model.pt"
    torch.save(
        [torch.nn.Bilinear(3, 2, 2), None, None],
        path,
        _use_new_zipfile_serialization=zipped,
    )
    with pytest.raises(CheckpointError) as error:
        read_state_dict(path)
    assert "torch.save(model.state_dict(), path)" in str(error.value)
    assert "'torch.nn.modules.linear.Bilinear'" in str(error.value)


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("place", ["value", "hooks", "key", "whole"])
def test_attacks_in_weights_are_refused_and_not_run(
    tmp_path, formats, attacks, legacy, place
):
    for name, data in attacks.pickles.items():
        # Opcodes alone: without PROTO, FRAME and STOP.
        opcodes = data[:-1].removeprefix(b"\x80\2").removeprefix(b"\x80\4")
        if opcodes[:1] == b"\x95":
            opcodes = opcodes[9:]
        tensor = formats.pickled_tensor("0", ARRAY)
        hooks = b"ccollections\nOrderedDict\n)R"
        assert hooks in tensor
        content = {
            "value": formats.pickled_dict({"a": tensor, "b": opcodes}),
            "hooks": formats.pickled_dict(
                {"a": tensor.replace(hooks, opcodes)}
            ),
            "key": formats.pickled_dict(
                {"a": tensor.replace(formats.short_text("cpu"), opcodes)}
            ),
            "whole": b"\x80\2" + opcodes + b".",
        }[place]
        path = tmp_path / "w.pth"
        if legacy:
            formats.write_legacy(path, content, {"0": ARRAY})
        else:
            formats.write_zip(path, content, {"0": ARRAY.tobytes()})
        with pytest.raises(CheckpointError, match="Received: "):
            read_state_dict(path)
        assert not attacks.marker.exists(), name


def test_attacks_before_the_weights_of_the_older_format(
    tmp_path, formats, attacks
):
    whole = formats.write_legacy(
        tmp_path / "w.pth",
        formats.pickled_dict({"a": formats.pickled_tensor("0", ARRAY)}),
        {"0": ARRAY},
    ).read_bytes()
    first = pickle.dumps(0x1950A86A20F9469CFC6C, 2)
    keys = pickle.dumps(["0"], 2)
    path = tmp_path / "hostile.pth"
    for data in attacks.pickles.values():
        if not data.startswith(b"\x80"):
            continue
        for hostile in (
            data + whole,
            whole.replace(first, first + data),
            whole.replace(keys, data),
        ):
            path.write_bytes(hostile)
            with pytest.raises(CheckpointError, match="Received: "):
                read_state_dict(path)
            assert not attacks.marker.exists()


def test_nothing_is_unpickled(tmp_path, formats, monkeypatch):
    path = formats.write_weights(tmp_path / "w.pth", {"a": ARRAY})

    def refuse(*_, **__):
        raise AssertionError("unpickled")

    for name in ("load", "loads", "Unpickler", "_Unpickler"):
        monkeypatch.setattr(pickle, name, refuse)
    assert list(read_state_dict(path)) == ["a"]


def tensor_record(formats, shape=(2, 3), strides=(3, 1), offset=0, size=6):
    """The opcodes of a tensor of any numbers, however wrong."""
    opcodes = formats.pickled_tensor("0", ARRAY)
    for old, new in (
        (b"J" + struct.pack("<i", 6) + b"tQ", long_number(size) + b"tQ"),
        (b"tQJ\0\0\0\0", b"tQ" + long_number(offset)),
        (formats.pickled_numbers((2, 3)), numbers(shape)),
        (formats.pickled_numbers((3, 1)), numbers(strides)),
    ):
        assert old in opcodes
        opcodes = opcodes.replace(old, new)
    return opcodes


def test_errors_do_not_hold_what_the_file_holds(tmp_path, formats):
    # A tuple that holds a tuple twice that holds a tuple twice …
    kind = b"Nq\0" + b"h\0\x86q\0" * 18
    identifier = kind + b"NNNNt"
    path = formats.write_zip(
        tmp_path / "w.pth", b"\x80\2(" + identifier + b"Q.", {}
    )
    with pytest.raises(CheckpointError, match="first item of type tuple"):
        read_state_dict(path)


def long_number(value):
    data = value.to_bytes(40, "little", signed=True)
    return b"\x8a" + bytes([len(data)]) + data


def numbers(values):
    return b"(" + b"".join(map(long_number, values)) + b"t"


def test_tensor_records_are_made_as_the_next_test_needs(read, formats):
    found = read({"a": tensor_record(formats)}, {"0": ARRAY.tobytes()})
    np.testing.assert_array_equal(found["a"], ARRAY)
    found = read(
        {"a": tensor_record(formats, (2, 2), (1, 2), 1)},
        {"0": ARRAY.tobytes()},
    )
    np.testing.assert_array_equal(found["a"], [[1, 3], [2, 4]])


@pytest.mark.parametrize(
    "wrong",
    [
        {"shape": (3, 3)},
        {"offset": 1},
        {"offset": 7, "shape": (), "strides": ()},
        {"strides": (4, 1)},
        {"strides": (-3, 1)},
        {"offset": -1},
        {"shape": (-2, -3)},
        {"shape": (2,)},
        {"shape": (1 << 40, 1 << 40), "strides": (0, 0)},
        {"shape": (1 << 40,), "strides": (0,)},
        {"shape": (0, 1 << 61, 1 << 61), "strides": (0, 0, 0)},
        {"shape": (1,) * 70, "strides": (0,) * 70},
        {"shape": (1,), "strides": (1 << 61,)},
        {"shape": (1 << 200, 3)},
        {"shape": (9,) * 60_000, "strides": (9,) * 60_000},
        {"size": 5},
        {"size": 7},
        {"size": 1 << 61},
        {"size": -6},
        {"size": 1 << 200},
    ],
)
def test_tensors_outside_of_their_numbers_are_refused(
    tmp_path, read, formats, wrong
):
    record = tensor_record(formats, **wrong)
    with pytest.raises(CheckpointError, match="Received: "):
        read({"a": record}, {"0": ARRAY.tobytes()})
    path = formats.write_legacy(
        tmp_path / "w.pth", formats.pickled_dict({"a": record}), {"0": ARRAY}
    )
    with pytest.raises(CheckpointError, match="Received: "):
        read_state_dict(path)


def test_missing_and_compressed_parts_are_refused(read, formats):
    items = {"a": formats.pickled_tensor("0", ARRAY)}
    with pytest.raises(CheckpointError, match="data/0"):
        read(items, {})
    with pytest.raises(CheckpointError, match="larger than the file"):
        read(
            items,
            {"0": ARRAY.tobytes()},
            compression=zipfile.ZIP_DEFLATED,
        )
    with pytest.raises(CheckpointError, match="stored object"):
        read(
            {
                "a": items["a"].replace(
                    formats.short_text("storage"), formats.short_text("module")
                )
            },
            {"0": ARRAY.tobytes()},
        )


def test_one_storage_of_two_sizes_is_refused(read, formats):
    items = {
        "a": formats.pickled_tensor("0", ARRAY),
        "b": formats.pickled_tensor("0", ARRAY, "DoubleStorage"),
    }
    with pytest.raises(CheckpointError, match="two sizes"):
        read(items, {"0": ARRAY.tobytes()})


def test_parts_that_overlap_do_not_fill_the_memory(tmp_path, formats):
    # Each part holds the head and all the bytes of the next one.
    keys = [f"{i:05}" for i in range(40)]
    infos, data = [], bytes(100_000)
    for key in reversed(keys):
        info = zipfile.ZipInfo(f"archive/data/{key}")
        info.file_size = info.compress_size = len(data)
        info.CRC = zlib.crc32(data)
        infos.insert(0, info)
        data = info.FileHeader(zip64=False) + data
    items = {}
    for key, info in zip(keys, infos, strict=True):
        assert info.file_size % 4 == 0
        whole = np.zeros(info.file_size // 4, np.float32)
        items[key] = formats.pickled_tensor(key, whole).replace(
            formats.pickled_numbers(whole.shape), formats.pickled_numbers([1])
        )
    first = data[-infos[0].file_size :]
    pickled = formats.pickled_dict(items)
    path = formats.write_zip(tmp_path / "w.pth", pickled, {keys[0]: first})
    with zipfile.ZipFile(path, "a") as archive:
        place = archive.getinfo(infos[0].filename).header_offset
        for info, following in zip(infos, infos[1:], strict=False):
            place += len(info.FileHeader(zip64=False))
            following.header_offset = place
            archive.filelist.append(following)
            archive.NameToInfo[following.filename] = following
        archive._didModify = True
    with pytest.raises(CheckpointError, match="Received: "):
        read_state_dict(path)


@pytest.mark.parametrize("legacy", [False, True])
def test_tensors_that_share_numbers_do_not_fill_the_memory(
    tmp_path, formats, legacy
):
    big = np.ones(50_000, np.float32)
    path = tmp_path / "w.pth"
    formats.write_weights(path, dict.fromkeys("abc", big), legacy)
    assert list(read_state_dict(path)) == ["a", "b", "c"]
    formats.write_weights(path, dict.fromkeys("abcdefgh", big), legacy)
    with pytest.raises(CheckpointError, match="on the same numbers"):
        read_state_dict(path)


@pytest.mark.parametrize("legacy", [False, True])
def test_truncated_files_are_refused(tmp_path, formats, legacy):
    path = formats.write_weights(tmp_path / "w.pth", {"a": ARRAY}, legacy)
    whole = path.read_bytes()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        with pytest.raises(CheckpointError, match="Received: "):
            read_state_dict(path)


def test_sizes_in_the_older_format_must_agree(tmp_path, formats):
    path = formats.write_weights(tmp_path / "w.pth", {"a": ARRAY}, legacy=True)
    whole = path.read_bytes()
    size = struct.pack("<q", ARRAY.size) + ARRAY.tobytes()
    assert size in whole
    path.write_bytes(whole.replace(size, b"\7" + size[1:]))
    with pytest.raises(CheckpointError, match="another size"):
        read_state_dict(path)


def test_changed_numbers_are_noticed(tmp_path, formats):
    path = formats.write_weights(tmp_path / "w.pth", {"a": ARRAY})
    whole = path.read_bytes()
    assert ARRAY.tobytes() in whole
    changed = whole.replace(ARRAY.tobytes(), (ARRAY + 1).tobytes())
    path.write_bytes(changed)
    with pytest.raises(CheckpointError, match="CRC"):
        read_state_dict(path)


@settings(
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
    ],
    deadline=None,
)
@given(st.booleans(), st.binary(max_size=40), st.data())
def test_damaged_files_raise_one_kind_of_error(
    tmp_path, formats, legacy, noise, data
):
    path = formats.write_weights(tmp_path / "w.pth", {"a": ARRAY}, legacy)
    whole = path.read_bytes()
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, min(len(whole), start + 60)))
    path.write_bytes(whole[:start] + noise + whole[end:])
    try:
        read_state_dict(path)
    except CheckpointError as error:
        assert "Received: " in str(error)


@pytest.mark.parametrize(
    "content",
    [b"", b"\x89HDF\r\n\x1a\n", b"hello", b"PK\3\4", b"\x80", b"\x80\2N."],
)
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "w.pth"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="Received: "):
        read_state_dict(path)


def test_archives_of_other_programs_are_refused(tmp_path):
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "{}")
    with pytest.raises(CheckpointError, match="without one data.pkl"):
        read_state_dict(path)


@pytest.mark.parametrize("content", [{}, [1], "text", {"a": 1}, {"model": {}}])
def test_files_without_tensors_are_refused(tmp_path, formats, content):
    path = tmp_path / "w.pth"
    formats.write_zip(path, pickle.dumps(content), {})
    with pytest.raises(CheckpointError, match="dict from names to tensors"):
        read_state_dict(path)


def test_missing_files_are_missing(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_state_dict(tmp_path / "nothing.pth")
