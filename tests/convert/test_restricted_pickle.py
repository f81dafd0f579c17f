"""Pickles are read without running what they name."""

import collections
import io
import os
import pickle
import struct
import sys

import pytest
from hypothesis import HealthCheck
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from ulmfit_keras.convert import CheckpointError
from ulmfit_keras.convert.restricted_pickle import read_pickle
from ulmfit_keras.convert.stand_ins import list_object
from ulmfit_keras.convert.stand_ins import ordered_dict

KNOWN = {
    "collections.OrderedDict": ordered_dict,
    "fastcore.foundation.L": list_object,
}

plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.text() | st.integers(1 - 2**60, 2**60 - 1), inner)
        | st.tuples(inner, inner)
        | st.tuples(inner, inner, inner, inner)
    ),
    max_leaves=20,
)


def read(data, **kwargs):
    return read_pickle(io.BytesIO(data), "a.pkl", KNOWN, "Advice.", **kwargs)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(plain | st.binary(), st.sampled_from([3, 4, 5]))
def test_plain_data_is_read_as_pickle_reads_it(value, protocol):
    assert read(pickle.dumps(value, protocol)) == value


def test_plain_data_of_the_oldest_protocols_is_read():
    value = [1, 2**70, -1.5, True, None, "é\n", ["a", ("b",)], {"c": {}}]
    for protocol in (0, 1):
        assert read(pickle.dumps(value, protocol)) == value


def test_lists_that_hold_themselves_are_read():
    value = ["a"]
    value.append(value)
    found = read(pickle.dumps(value))
    assert found[0] == "a" and found[1] is found


def test_position_is_behind_the_pickle():
    file = io.BytesIO(pickle.dumps(1, 2) + b"rest")
    assert read_pickle(file, "a.pkl", {}, "") == 1
    assert file.read() == b"rest"


def test_ordered_dicts_and_fastcore_lists_become_dicts_and_lists():
    items = b"X\5\0\0\0items](X\1\0\0\0aX\1\0\0\0be"
    fastcore = b"\x80\2cfastcore.foundation\nL\n)\x81}" + items + b"sb."
    assert read(fastcore) == ["a", "b"]
    ordered = collections.OrderedDict(a=1, b=2)
    for protocol in (2, 4):
        assert read(pickle.dumps(ordered, protocol)) == {"a": 1, "b": 2}


def test_attacks_work_on_pickle(attacks):
    # Else the next test would prove nothing.
    for name, data in attacks.pickles.items():
        pickle.loads(data)
        assert attacks.marker.exists(), name
        os.remove(attacks.marker)


def test_attacks_are_refused_and_not_run(attacks):
    for name, data in attacks.pickles.items():
        with pytest.raises(CheckpointError, match="Received: ") as error:
            read(data)
        if name not in ("inst", "obj"):
            named = "system", "builtins.e", "__builtin__.e"
            assert any(n in str(error.value) for n in named), name
            assert "Advice." in str(error.value)
        assert not attacks.marker.exists(), name


def test_names_in_the_table_take_no_other_arguments():
    for call in (b"(I1\nI2\ntR", b"](I1\nI2\nea\x85R", b"\x85R"):
        with pytest.raises(CheckpointError, match="Received: a.pkl"):
            read(b"\x80\2ccollections\nOrderedDict\n" + call + b".")


def test_calls_of_data_are_refused():
    with pytest.raises(CheckpointError, match="not a function"):
        read(b"\x80\2X\1\0\0\0a)R.")


def test_keys_that_could_end_the_process_are_refused():
    deep = b"N" + b"\x85" * 20_000
    with pytest.raises(CheckpointError, match="key of type tuple"):
        read(b"\x80\2}" + deep + b"Ns.")


def test_integers_with_the_same_hash_are_refused_as_keys():
    keys = [number * sys.hash_info.modulus for number in range(1, 9)]
    assert len(set(map(hash, keys))) == 1
    with pytest.raises(CheckpointError, match="61 bits"):
        read(pickle.dumps(dict.fromkeys(keys)))


@pytest.mark.parametrize(
    "bomb",
    [
        b"]r\xff\xff\xff\xff.",  # memo index
        b"\x8d" + struct.pack("<Q", 1 << 40) + b"a.",  # long text
        b"\x8e" + struct.pack("<Q", 1 << 62) + b"a.",  # long bytes
        b"T\xff\xff\xff\x7fa.",
        b"\x8b\xff\xff\xff\x7fa.",  # long integer
        b"L" + b"9" * 10_000 + b"L\n.",
    ],
)
def test_sizes_that_a_file_claims_take_no_memory(bomb):
    try:
        assert read(b"\x80\4" + bomb) == []
    except CheckpointError as error:
        assert len(str(error)) < 1000


@pytest.mark.parametrize(
    "copies",
    [
        # A list that becomes twice as long with each three bytes.
        b"]q\0K\1a}q\1X\5\0\0\0itemsh\0sb" + b"h\1b" * 19,
        # One list of pairs, made a dict again and again.
        b"c__main__\npairs\nq\0("
        + b"]K\1aK\2a" * 50
        + b"lq\1\x85q\2"
        + b"h\0h\2R" * 100,
        # One tuple or text as the arguments of many calls.
        b"c__main__\npairs\nq\0" + b"(" + b"N" * 50 + b"tq\1" + b"h\0h\1R" * 99,
        b"c__main__\npairs\nq\0U\x63" + b"a" * 99 + b"q\1" + b"h\0h\1R" * 99,
        # One identifier of many stored objects.
        b"(" + b"N" * 50 + b"tq\1" + b"h\1Q" * 99,
    ],
    ids=["items", "pairs", "arguments", "text", "identifier"],
)
def test_elements_are_not_copied_again_and_again(copies):
    known = {"__main__.pairs": lambda *_: None}
    file = io.BytesIO(b"\x80\4" + copies + b".")
    with pytest.raises(CheckpointError, match="again and again"):
        read_pickle(file, "a.pkl", known, "", persistent=lambda _: None)


def test_data_in_data_without_end_is_damaged():
    deep = b"\x80\2N" + b"\x85" * 100_000
    with pytest.raises(CheckpointError, match="recursion"):
        read(deep + b"Q.", persistent=repr)


def test_errors_stay_short():
    # A list that holds a list twice that holds a list twice …
    bomb = b"]" + b"q\0(h\0h\0t" * 60
    with pytest.raises(CheckpointError) as error:
        read(b"\x80\4" + bomb + bomb + b"\x93.")
    assert len(str(error.value)) < 1000
    with pytest.raises(CheckpointError) as error:
        read(b"\x80\4c" + b"a" * 10**6 + b"\nb\n.")
    assert len(str(error.value)) < 1000


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.binary(max_size=60), st.data())
def test_damaged_pickles_raise_one_kind_of_error(noise, data):
    whole = pickle.dumps({"a": [1, "b", (2.0, None)], "c": ["d"] * 3})
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, len(whole)))
    try:
        read(whole[:start] + noise + whole[end:])
    except CheckpointError as error:
        assert "Received: " in str(error)


def test_truncated_pickles_are_refused():
    whole = pickle.dumps(["a", "b"])
    for size in range(len(whole)):
        with pytest.raises(CheckpointError, match="Received: a.pkl"):
            read(whole[:size])


@pytest.mark.parametrize("end", [b"\x86.", b"s.", b"t.", b"0.", b"(e.", b"."])
def test_opcodes_without_their_values_are_refused(end):
    with pytest.raises(CheckpointError, match="Received: "):
        read(b"\x80\2" + (b"" if end == b"." else b"K\1") + end)


def test_unknown_escapes_do_not_warn():
    assert read(b"S'\\o'\n.") == "\\o"


def test_objects_outside_need_a_reader():
    data = b"\x80\2X\1\0\0\0aQ."
    with pytest.raises(CheckpointError, match="outside of the pickle"):
        read(data)
    assert read(data, persistent=str.upper) == "A"
