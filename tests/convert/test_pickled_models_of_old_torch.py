"""A model of awd-lstm-lm as torch 0.2 and 0.3 pickled it on a GPU.

Nobody can install these today, so the classes here have the names of torch's
and reduce as they did: parameters are variables around tensors, each class
comes with its source code, and cuDNN keeps the weights of an LSTM in one
storage.
"""

import collections
import io
import pickle
import sys
import types

import numpy as np
import pytest

from ulmfit_keras.convert import read_itos
from ulmfit_keras.convert import read_state_dict

WORDS = ["the", "film", "<eos>", "<unk>"]


class Storage:
    def __init__(self, array):
        self.array = array


class Tensor:
    def __init__(self, storage, offset=0, shape=None):
        self.storage, self.offset = storage, offset
        self.shape = storage.array.shape if shape is None else shape

    def __reduce_ex__(self, _):
        strides = np.cumprod([1, *self.shape[:0:-1]])[::-1].tolist()
        place = (self.storage, self.offset, self.shape, tuple(strides))
        return sys.modules["torch._utils"]._rebuild_tensor, place


class Variable:
    def __init__(self, data):
        self.data = data

    def __reduce_ex__(self, _):
        state = (True, False, collections.OrderedDict())
        return type(self), (self.data,), state


class Parameter(Variable):
    pass


class Unserializable:
    def __getstate__(self):
        return "<unserializable>"


class Backend:
    def __reduce__(self):
        thnn = sys.modules["torch.nn.backends.thnn"]
        return thnn._get_thnn_function_backend, ()


class Module:
    def __init__(self, parameters=(), modules=(), **attributes):
        self._backend = Backend()
        self._parameters = collections.OrderedDict(parameters)
        self._buffers = collections.OrderedDict()
        self._backward_hooks = collections.OrderedDict()
        self._forward_hooks = collections.OrderedDict()
        self._modules = collections.OrderedDict(modules)
        self.training = False
        self.__dict__.update(attributes)


class RNNModel(Module):
    pass


class WeightDrop(Module):
    def do_nothing(self):
        pass


class LSTM(Module):
    pass


class Embedding(Module):
    pass


class Linear(Module):
    pass


class Dropout(Module):
    pass


class LockedDropout(Module):
    pass


class ModuleList(Module):
    pass


class CrossEntropyLoss(Module):
    pass


class Attributes:
    def __init__(self, **attributes):
        self.__dict__.update(attributes)


class ASGD(Attributes):
    pass


class Corpus(Attributes):
    pass


class Dictionary(Attributes):
    pass


def function(module, name):
    made = types.FunctionType(Backend.__reduce__.__code__, {}, name)
    made.__module__, made.__qualname__ = module, name
    return made


@pytest.fixture
def pickled(monkeypatch):
    """pickled(value): bytes and storages, the names being torch's."""

    def pickled(value):
        nn = "torch.nn.modules"
        with monkeypatch.context() as patch:
            for module, *made in (
                ("torch.cuda", type("FloatStorage", (), {})),
                (
                    "torch._utils",
                    function("torch._utils", "_rebuild_tensor"),
                ),
                (
                    "torch.nn.backends.thnn",
                    function(
                        "torch.nn.backends.thnn", "_get_thnn_function_backend"
                    ),
                ),
                ("torch.nn.parameter", Parameter),
                ("torch.autograd.variable", Variable),
                ("torch.backends.cudnn.rnn", Unserializable),
                (f"{nn}.rnn", LSTM),
                (f"{nn}.sparse", Embedding),
                (f"{nn}.linear", Linear),
                (f"{nn}.dropout", Dropout),
                (f"{nn}.container", ModuleList),
                (f"{nn}.loss", CrossEntropyLoss),
                ("torch.optim.asgd", ASGD),
                ("model", RNNModel),
                ("weight_drop", WeightDrop),
                ("locked_dropout", LockedDropout),
                ("data", Corpus, Dictionary),
            ):
                packages = module.split(".")
                for end in range(1, len(packages)):
                    package = types.ModuleType(".".join(packages[:end]))
                    patch.setitem(sys.modules, package.__name__, package)
                patch.setitem(sys.modules, module, types.ModuleType(module))
                for one in made:
                    patch.setattr(one, "__module__", module)
                    setattr(sys.modules[module], one.__name__, one)
            return run_pickler(value)

    return pickled


def run_pickler(value):
    storages, described = {}, set()
    storage_type = sys.modules["torch.cuda"].FloatStorage

    class Pickler(pickle.Pickler):
        def persistent_id(self, obj):
            if isinstance(obj, Storage):
                key = str(id(obj))
                storages[key] = obj.array.ravel()
                size = obj.array.size
                return ("storage", storage_type, key, "cuda:0", size, None)
            if (
                isinstance(obj, type)
                and issubclass(obj, Module)
                and obj not in described
            ):
                described.add(obj)
                return ("module", obj, "model.py", "import os\n" * 99)
            return None

    file = io.BytesIO()
    Pickler(file, 2).dump(value)
    return file.getvalue(), storages


def drop_module(units, inputs, random):
    """A `WeightDrop` around an LSTM, and the LSTM's arrays by their names."""
    shapes = {
        "weight_ih_l0": (4 * units, inputs),
        "bias_ih_l0": (4 * units,),
        "bias_hh_l0": (4 * units,),
        "weight_hh_l0_raw": (4 * units, units),
    }
    sizes = [int(np.prod(shape)) for shape in shapes.values()]
    buffer = Storage(random.normal(size=sum(sizes)).astype("float32"))
    offsets = [0, *np.cumsum(sizes)[:-1].tolist()]
    arrays, parameters = {}, {}
    for (name, shape), offset, size in zip(
        shapes.items(), offsets, sizes, strict=True
    ):
        arrays[name] = buffer.array[offset : offset + size].reshape(shape)
        parameters[name] = Parameter(Tensor(buffer, offset, shape))
    lstm = LSTM(
        parameters,
        _all_weights=[list(shapes)],
        _data_ptrs=[1 << 40],
        dropout_state={"desc_0": Unserializable()},
        weight_hh_l0=Variable(Tensor(Storage(0 * arrays["weight_hh_l0_raw"]))),
    )
    drop = WeightDrop((), {"module": lstm}, dropout=0.5)
    lstm.flatten_parameters = drop.do_nothing
    return drop, arrays


def test_models_are_read(tmp_path, formats, pickled):
    random = np.random.default_rng(0)
    embeddings = random.normal(size=(4, 3)).astype("float32")
    bias = random.normal(size=4).astype("float32")
    tied = Parameter(Tensor(Storage(embeddings)))
    drops, expected = {}, {"encoder.weight": embeddings}
    for i, (units, inputs) in enumerate([(5, 3), (3, 5)]):
        drops[str(i)], arrays = drop_module(units, inputs, random)
        for name, array in arrays.items():
            expected[f"rnns.{i}.module.{name}"] = array
    expected |= {"decoder.weight": embeddings, "decoder.bias": bias}
    decoder = Linear({"weight": tied, "bias": Parameter(Tensor(Storage(bias)))})
    model = RNNModel(
        modules={
            "lockdrop": LockedDropout(),
            "idrop": Dropout(p=0.5),
            "encoder": Embedding({"weight": tied}),
            "rnns": ModuleList(modules=drops),
            "decoder": decoder,
        },
        rnn_type="LSTM",
    )
    state = collections.defaultdict(dict)
    state[tied] = {"ax": Tensor(Storage(embeddings)), "step": 3}
    optimizer = ASGD(state=state, param_groups=[{"params": [tied], "lr": 30}])
    for content in (model, [model, CrossEntropyLoss(), optimizer]):
        data, storages = pickled(content)
        for name in (b"import os", b"cuda:0", b"getattr", b"_rebuild_tensor"):
            assert name in data
        path = formats.write_legacy(tmp_path / "wt2.pt", data, storages)
        found = read_state_dict(path)
        assert list(found) == list(expected)
        for name, array in expected.items():
            np.testing.assert_array_equal(found[name], array, name)


def test_words_are_read(tmp_path, formats, pickled):
    dictionary = Dictionary(
        word2idx={word: i for i, word in enumerate(WORDS)}, idx2word=WORDS
    )
    train = Tensor(Storage(np.zeros(9, "float32")))
    corpus = Corpus(dictionary=dictionary, train=train)
    path = formats.write_legacy(tmp_path / "corpus.data", *pickled(corpus))
    assert read_itos(path) == WORDS
