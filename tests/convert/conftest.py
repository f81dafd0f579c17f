"""Small models in the formats of other frameworks, made without torch."""

import os
import pathlib
import pickle
import struct
import sys
import types
import zipfile

import numpy as np
import pytest

SPECIAL = "xxunk xxpad xxbos xxeos xxfld xxrep xxwrep xxup xxmaj".split()
TOKENS = [*SPECIAL, "the", "film", "was", "\n", "good", "xxfake", "xxfake"]
EMBEDDING_DIM, HIDDEN_DIM = 4, 6


def short_text(text):
    data = text.encode("utf-8")
    return b"X" + struct.pack("<I", len(data)) + data


def pickled_numbers(numbers):
    return b"(" + b"".join(b"J" + struct.pack("<i", n) for n in numbers) + b"t"


def pickled_tensor(key, array, storage="FloatStorage", tail=b""):
    """The opcodes by which torch refers to a tensor (protocol 2)."""
    strides = [stride // array.itemsize for stride in array.strides]
    persistent_id = (
        b"("
        + short_text("storage")
        + b"ctorch\n"
        + storage.encode()
        + b"\n"
        + short_text(key)
        + short_text("cpu")
        + b"J"
        + struct.pack("<i", array.size)
        + tail
        + b"tQ"
    )
    return (
        b"ctorch._utils\n_rebuild_tensor_v2\n("
        + persistent_id
        + b"J\0\0\0\0"
        + pickled_numbers(array.shape)
        + pickled_numbers(strides)
        + b"\x89ccollections\nOrderedDict\n)RtR"
    )


def pickled_dict(items):
    """The opcodes of a dict from texts to what the given opcodes make."""
    pairs = (short_text(key) + value for key, value in items.items())
    return b"\x80\x02}(" + b"".join(pairs) + b"u."


def write_zip(path, data_pickle, storages, compression=zipfile.ZIP_STORED):
    """Write an archive in torch's format.

    Args:
        path: of the file.
        data_pickle: bytes of `data.pkl`.
        storages: dict from keys to bytes.
        compression: as in `zipfile`.

    Returns:
        The path.
    """
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("archive/data.pkl", data_pickle)
        archive.writestr("archive/byteorder", "little")
        for key, data in storages.items():
            archive.writestr(f"archive/data/{key}", data)
        archive.writestr("archive/version", "3\n")
    return path


def write_legacy(path, data_pickle, storages):
    """Write the format before torch 1.6; storages from keys to arrays."""
    parts = [
        pickle.dumps(0x1950A86A20F9469CFC6C, 2),
        pickle.dumps(1001, 2),
        pickle.dumps({"little_endian": True, "protocol_version": 1001}, 2),
        data_pickle,
        pickle.dumps(list(storages), 2),
    ]
    for array in storages.values():
        parts += [struct.pack("<q", array.size), array.tobytes()]
    path.write_bytes(b"".join(parts))
    return path


def write_weights(path, arrays, legacy=False):
    """Write a state dict of float32 arrays; the same array, one storage."""
    storages, items = {}, {}
    for name, array in arrays.items():
        if array.dtype != np.float32 or not array.flags.c_contiguous:
            array = np.ascontiguousarray(array, np.float32)
        storages.setdefault(str(id(array)), array)
        items[name] = pickled_tensor(str(id(array)), array)
    if legacy:
        return write_legacy(path, pickled_dict(items), storages)
    storages = {key: array.tobytes() for key, array in storages.items()}
    return write_zip(path, pickled_dict(items), storages)


def language_model_weights(num_layers=3, vocabulary_size=None, seed=0):
    """A state dict of fastai 2: names to float32 arrays, tied ones the same."""
    random = np.random.default_rng(seed)
    vocabulary_size = vocabulary_size or len(TOKENS)

    def draw(*shape):
        return random.normal(0, 0.7, shape).astype(np.float32)

    embeddings = draw(vocabulary_size, EMBEDDING_DIM)
    weights = {
        "0.encoder.weight": embeddings,
        "0.encoder_dp.emb.weight": embeddings,
    }
    units = [HIDDEN_DIM] * (num_layers - 1) + [EMBEDDING_DIM]
    inputs = EMBEDDING_DIM
    for i, size in enumerate(units):
        weights[f"0.rnns.{i}.weight_hh_l0_raw"] = draw(4 * size, size)
        weights[f"0.rnns.{i}.module.weight_ih_l0"] = draw(4 * size, inputs)
        weights[f"0.rnns.{i}.module.bias_ih_l0"] = draw(4 * size)
        weights[f"0.rnns.{i}.module.bias_hh_l0"] = draw(4 * size)
        inputs = size
    weights["1.decoder.weight"] = embeddings
    weights["1.decoder.bias"] = draw(vocabulary_size)
    return weights


def reference_encoding(weights, ids, prefix="0."):
    """What torch's LSTMs make of ids (B, T), by the formula in its manual."""

    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    weights = {key: value.astype("float64") for key, value in weights.items()}
    x = weights[f"{prefix}encoder.weight"][ids]
    for i in range(sum(name.endswith("_raw") for name in weights)):
        lstm = f"{prefix}rnns.{i}."
        recurrent = weights[f"{lstm}weight_hh_l0_raw"]
        h = c = np.zeros((len(ids), recurrent.shape[1]))
        outputs = []
        for t in range(ids.shape[1]):
            gates = (
                x[:, t] @ weights[f"{lstm}module.weight_ih_l0"].T
                + weights[f"{lstm}module.bias_ih_l0"]
                + h @ recurrent.T
                + weights[f"{lstm}module.bias_hh_l0"]
            )
            i_gate, f_gate, g_gate, o_gate = np.split(gates, 4, axis=1)
            c = sigmoid(f_gate) * c + sigmoid(i_gate) * np.tanh(g_gate)
            h = sigmoid(o_gate) * np.tanh(c)
            outputs.append(h)
        x = np.stack(outputs, axis=1)
    return x


def reference_logits(weights, ids):
    """What fastai's language model makes of ids (B, T)."""
    hidden = reference_encoding(weights, ids)
    bias = weights.get("1.decoder.bias", 0.0)
    return hidden @ weights["0.encoder.weight"].astype("float64").T + bias


@pytest.fixture
def formats():
    """The functions above, which tests in other files cannot import."""
    return types.SimpleNamespace(
        EMBEDDING_DIM=EMBEDDING_DIM,
        TOKENS=TOKENS,
        language_model_weights=language_model_weights,
        pickled_dict=pickled_dict,
        pickled_numbers=pickled_numbers,
        pickled_tensor=pickled_tensor,
        reference_encoding=reference_encoding,
        reference_logits=reference_logits,
        short_text=short_text,
        write_legacy=write_legacy,
        write_weights=write_weights,
        write_zip=write_zip,
    )


@pytest.fixture
def itos_path(tmp_path):
    path = tmp_path / "itos.pkl"
    path.write_bytes(pickle.dumps(TOKENS))
    return path


@pytest.fixture
def attacks(tmp_path):
    """Pickles that, when loaded, create the file `attacks.marker`."""
    marker = tmp_path / "code_was_run"
    system = f"touch {marker}"
    python = f"open({str(marker)!r}, 'w').close()"

    class Reduce:
        def __init__(self, function, *arguments):
            self.function, self.arguments = function, arguments

        def __reduce__(self):
            return self.function, self.arguments

    found = {
        f"{name}_{protocol}": pickle.dumps(value, protocol)
        for protocol in (0, 2, 4)
        for name, value in (
            ("system", Reduce(os.system, system)),
            ("eval", Reduce(eval, python)),
            ("exec", Reduce(exec, python)),
            ("nested", [{"a": ("b", Reduce(os.system, system))}]),
        )
    }
    text = short_text(system)
    found["inst"] = b"\x80\2(" + text + b"ios\nsystem\n."
    found["obj"] = b"\x80\2(cos\nsystem\n" + text + b"o."
    found["reduce"] = b"\x80\2cos\nsystem\n" + text + b"\x85R."
    return types.SimpleNamespace(pickles=found, marker=marker)


@pytest.fixture
def without_torch(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)


@pytest.fixture
def files(tmp_path):
    """Paths of a language model of fastai: weights and tokens."""
    weights = write_weights(tmp_path / "lm.pth", language_model_weights())
    itos = tmp_path / "itos.pkl"
    itos.write_bytes(pickle.dumps(TOKENS))
    return pathlib.Path(weights), itos
