"""Pickled models that want to do harm are refused, and nothing is run."""

import io
import struct
import tracemalloc

import numpy as np
import pytest

from ulmfit_keras.convert import CheckpointError
from ulmfit_keras.convert import read_state_dict
from ulmfit_keras.convert.module_records import CLASSES
from ulmfit_keras.convert.restricted_pickle import read_pickle
from ulmfit_keras.convert.stand_ins import Record

ARRAY = np.arange(6, dtype=np.float32).reshape(2, 3)
MODEL = b"cmodel\nRNNModel\n"
EMPTY = b"}"


def put(index):
    return b"r" + struct.pack("<I", index)


def get(index):
    return b"j" + struct.pack("<I", index)


@pytest.fixture
def build(formats):
    """build(parameters=…, modules=…): the opcodes of a module."""

    def items(values):
        if isinstance(values, bytes):
            return values
        pairs = (
            formats.short_text(key) + value for key, value in values.items()
        )
        return b"}(" + b"".join(pairs) + b"u"

    def build(parameters=(), modules=(), made=MODEL + b")\x81", **attributes):
        state = {
            "_parameters": items(parameters or {}),
            "_modules": items(modules or {}),
            "_buffers": EMPTY,
        } | attributes
        return made + items(state) + b"b"

    return build


@pytest.fixture(params=[False, True], ids=["zip", "legacy"])
def read(request, tmp_path, formats):
    """read(opcodes): the state dict of a file with one array, `ARRAY`."""

    def read(opcodes):
        path, data = tmp_path / "m.pt", b"\x80\2" + opcodes + b"."
        if request.param:
            formats.write_legacy(path, data, {"0": ARRAY})
        else:
            formats.write_zip(path, data, {"0": ARRAY.tobytes()})
        return read_state_dict(path)

    return read


@pytest.fixture
def tensor(formats):
    return formats.pickled_tensor("0", ARRAY)


def test_modules_are_made_as_the_next_tests_need(read, build, tensor):
    inner = build({"a": tensor, "none": b"N"}, {"none": b"N"})
    found = read(b"]" + build({}, {"inner": inner}) + b"a")
    assert list(found) == ["inner.a"]
    np.testing.assert_array_equal(found["inner.a"], ARRAY)


@pytest.mark.parametrize(
    "place", ["parameter", "module", "attribute", "argument", "state", "class"]
)
def test_attacks_in_modules_are_refused_and_not_run(
    read, build, tensor, attacks, place
):
    good = {"a": tensor}
    for name, data in attacks.pickles.items():
        attack = data[:-1].removeprefix(b"\x80\2").removeprefix(b"\x80\4")
        if attack[:1] == b"\x95":
            attack = attack[9:]
        content = {
            "parameter": build(good | {"b": attack}),
            "module": build(good, {"b": attack}),
            "attribute": build(good, training=attack),
            "argument": build(good, made=MODEL + attack + b"\x85R"),
            "state": MODEL + b")\x81" + attack + b"b",
            "class": build(good, made=attack + b")\x81"),
        }[place]
        with pytest.raises(CheckpointError, match="Received: ") as error:
            read(content)
        if name not in ("inst", "obj"):
            assert "Received: the name '" in str(error.value)
        assert not attacks.marker.exists(), name


@pytest.mark.parametrize(
    "name",
    [
        "os.system",
        "posix.system",
        "builtins.eval",
        "builtins.exec",
        "builtins.__import__",
        "torch.load",
        "torch.nn.modules.module.torch",
        "torch.nn.modules.rnn.os.system",
        "torch.optim.optimizer.Optimizer",
        "torch.hub.load",
        "model.RNNModel.forward",
        "model.os",
        "weight_drop.os.system",
        "weight_drop.torch",
        "data.open",
        "functools.partial",
        "operator.attrgetter",
        "copyreg._reconstructor",
        "pickle.loads",
        "__main__.RNNModel",
    ],
)
def test_names_outside_of_the_table_are_refused(
    read, build, tensor, formats, name
):
    module, _, rest = name.partition(".")
    for part in (name.rpartition(".")[::2], (module, rest)):
        texts = b"".join(map(formats.short_text, part))
        for opcodes in (
            texts + b"\x93",
            b"c%b\n%b\n" % tuple(text.encode() for text in part),
        ):
            for end in (b"", b")R", b")\x81", b")\x81}b"):
                with pytest.raises(CheckpointError) as error:
                    read(build({"a": tensor}, training=opcodes + end))
                assert f"Received: the name {name!r} in" in str(error.value)


@pytest.mark.parametrize("call", [b"R", b"\x81"])
@pytest.mark.parametrize("name", sorted(CLASSES))
def test_no_name_of_the_table_does_anything(formats, name, call):
    module, _, name = name.rpartition(".")
    system = formats.short_text("touch code_was_run")
    for arguments in (b")", system + b"\x85", system + b"\x85\x85"):
        named = b"c%b\n%b\n" % (module.encode(), name.encode())
        file = io.BytesIO(b"\x80\2" + named + arguments + call + b".")
        try:
            found = read_pickle(file, "m.pt", CLASSES, "")
        except CheckpointError as error:
            assert f"arguments for the class {module}.{name}" in str(error)
            continue
        if found is not None:
            assert isinstance(found, Record) and not found.attributes
            assert arguments == b")" or name == "defaultdict"


def test_what_getattr_gives_cannot_be_called(read, build, tensor, formats):
    method = (
        b"c__builtin__\ngetattr\n"
        + build({"a": tensor})
        + formats.short_text("__class__")
        + b"\x86R"
    )
    for call in (b")R", b")\x81"):
        with pytest.raises(CheckpointError, match="not a function"):
            read(method + call)
    assert list(read(build({"a": tensor}, flatten_parameters=method))) == ["a"]


def test_records_cannot_be_called(read, build, tensor):
    with pytest.raises(CheckpointError, match="not a function"):
        read(build({"a": tensor}) + b")R")


def test_attributes_with_a_meaning_in_python_have_none(read, build, tensor):
    names = "__setstate__ __reduce__ __class__ __dict__ __init__ __del__"
    method = b"c__builtin__\ngetattr\n"
    special = dict.fromkeys([*names.split(), "attributes"], method)
    model = build({"a": tensor}, **special)
    assert list(read(model)) == ["a"]


@pytest.mark.parametrize(
    "state",
    [b"]", b"N", b"K\1", b"X\1\0\0\0a", b"}}\x86", MODEL, MODEL + b")\x81"],
)
def test_attributes_must_be_a_dict(read, state):
    with pytest.raises(CheckpointError, match="model.RNNModel that are not"):
        read(MODEL + b")\x81" + state + b"b")


@pytest.mark.parametrize(
    "parts",
    [
        {"parameters": b"]"},
        {"parameters": b"N"},
        {"parameters": b"}K\1Ns"},
        {"modules": b"}K\1Ns"},
        {"modules": b"(dK\0]s"},
        {"modules": {"a": b"]"}},
        {"modules": {"a": b"K\1"}},
        {"modules": {"a": b"ctorch.optim.sgd\nSGD\n)\x81"}},
        {"parameters": {"a": b"K\1"}},
        {"parameters": {"a": b"]"}},
        {"parameters": {"a": MODEL}},
        {"parameters": {"a": MODEL + b")\x81"}},
        {"_buffers": b"]"},
        {},
    ],
    ids=str,
)
def test_modules_must_hold_tensors_and_modules(read, build, parts):
    with pytest.raises(CheckpointError, match="Received: "):
        read(build(**parts))


@pytest.mark.parametrize(
    "parameter",
    [
        b"ctorch._utils\n_rebuild_parameter\n(%b\x88}tR",
        b"ctorch.nn.parameter\nParameter\n%b\x88\x86R",
        b"ctorch.nn.parameter\nParameter\n%b\x85R\x88\x89}\x87b",
        b"ctorch.autograd.variable\nVariable\n%b\x85R\x88\x89N\x87b",
    ],
)
def test_parameters_of_all_versions_of_torch(read, build, tensor, parameter):
    found = read(build({"a": parameter.replace(b"%b", tensor)}))
    np.testing.assert_array_equal(found["a"], ARRAY)


def test_modules_that_hold_themselves_are_refused(read, build, tensor):
    made = MODEL + b")\x81" + put(0)
    inner = build({"b": tensor}, {"outer": get(0)})
    for modules in ({"self": get(0)}, {"inner": inner}):
        with pytest.raises(CheckpointError, match="there twice.*RNNModel"):
            read(build({"a": tensor}, modules, made=made))
    # As `WeightDrop` refers to itself: in an attribute, it is no part.
    assert list(read(build({"a": tensor}, made=made, me=get(0)))) == ["a"]


def test_modules_in_two_places_are_refused(read, build, tensor):
    # Else 60 modules, each twice in the next, would have 2 ** 60 names.
    for depth, message in ((3, "there twice.*RNNModel"), (60, "Received: ")):
        model = build({"a": tensor})
        for i in range(depth):
            model = build({}, {"a": model + put(i), "b": get(i)})
        with pytest.raises(CheckpointError, match=message):
            read(model)


def test_modules_without_end_are_refused(read, build, tensor, formats):
    depth = 3000
    names = map(formats.short_text, ("_parameters", "_buffers", "_modules"))
    start = MODEL + b")\x81}(" + b"}".join(names)
    start += b"}" + formats.short_text("a")
    end = b"sub"
    with pytest.raises(CheckpointError, match="longer than the file"):
        read(start * depth + build({"a": tensor}) + end * depth)
    # In an attribute they are no part of the model.
    nested = MODEL + b")\x81}X\1\0\0\0a"
    attribute = nested * 50_000 + b"N" + b"sb" * 50_000
    assert list(read(build({"a": tensor}, me=attribute))) == ["a"]


@pytest.mark.parametrize("kind", ["_parameters", "_buffers", "_modules"])
def test_names_do_not_fill_the_memory(read, build, tensor, formats, kind):
    # A long name before many short ones, and these in many modules.
    value = b"N" if kind == "_modules" else get(0)
    names = (formats.short_text(str(i)) for i in range(2000))
    shared = b"}(" + b"".join(name + value for name in names) + b"u"
    modules = {"0" * 50_000: build(**{kind: shared + put(1)})}
    for i in range(1000):
        modules[f"{i:06}"] = build(**{kind: get(1)})
    content = build({"a": tensor + put(0)}, modules)
    tracemalloc.start()
    try:
        with pytest.raises(CheckpointError, match="longer than the file"):
            read(content)
        assert tracemalloc.get_traced_memory()[1] < 50 * len(content)
    finally:
        tracemalloc.stop()


def test_items_of_a_defaultdict_are_left_out(read, build, tensor):
    keyed = b"ccollections\ndefaultdict\nc__builtin__\ndict\n\x85R"
    state = keyed + tensor + b"}s" + b"(" + tensor + b"N" + tensor + b"Nu"
    assert list(read(build({"a": tensor}, state=state))) == ["a"]
    with pytest.raises(CheckpointError, match="Received: "):
        read(build({"a": tensor}, state=keyed + tensor + b"u"))


def test_classes_with_their_source_are_classes(read, build, tensor, formats):
    texts = formats.short_text("model.py") + formats.short_text("import os")
    kind = formats.short_text("module")
    made = b"(" + kind + MODEL + texts + b"tQ)\x81"
    assert list(read(build({"a": tensor}, made=made))) == ["a"]
    for other in (b"K\1", kind, b"]", b"N"):
        made = b"(" + kind + other + texts + b"tQ)\x81"
        with pytest.raises(CheckpointError, match="not a function"):
            read(build({"a": tensor}, made=made))
