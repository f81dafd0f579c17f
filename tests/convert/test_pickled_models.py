"""Whole models as awd-lstm-lm's own script saves them, read without it.

The classes here have the names and the parts of those of awd-lstm-lm, as far
as a pickle shows them.
"""

import collections
import sys
import types

import numpy as np
import pytest
from keras import ops

from ulmfit_keras.convert import CheckpointError
from ulmfit_keras.convert import read_itos
from ulmfit_keras.convert import read_language_model
from ulmfit_keras.convert import read_state_dict

torch = pytest.importorskip("torch")
nn = torch.nn

WORDS = "<eos> <unk> the film was good and long so that it was_not".split()
EMBEDDING_DIM, HIDDEN_DIM = 5, 7

pytestmark = pytest.mark.filterwarnings(
    "ignore:Couldn't retrieve source code:UserWarning"
)


class LockedDropout(nn.Module):
    def forward(self, x):
        return x


class WeightDrop(nn.Module):
    def __init__(self, module, weights, dropout, as_parameter):
        super().__init__()
        self.module, self.weights, self.dropout = module, weights, dropout
        self.as_parameter = as_parameter
        if isinstance(module, nn.RNNBase):
            module.flatten_parameters = self.do_nothing
        for name in weights:
            weight = getattr(module, name)
            del module._parameters[name]
            module.register_parameter(name + "_raw", nn.Parameter(weight.data))

    def do_nothing(self, *_):
        return None

    def forward(self, *inputs):
        for name in self.weights:
            raw = getattr(self.module, name + "_raw")
            dropped = nn.functional.dropout(raw, self.dropout, self.training)
            if self.as_parameter:
                dropped = nn.Parameter(dropped)
            setattr(self.module, name, dropped)
        return self.module(*inputs)


class QRNNLayer(nn.Module):
    def __init__(self, inputs, units):
        super().__init__()
        self.linear = nn.Linear(inputs, 3 * units)


class RNNModel(nn.Module):
    def __init__(self, kind=nn.LSTM, drop=0.5, tied=True, as_parameter=False):
        super().__init__()
        sizes = [EMBEDDING_DIM, HIDDEN_DIM, HIDDEN_DIM, EMBEDDING_DIM]
        self.lockdrop, self.drop = LockedDropout(), nn.Dropout(0.3)
        self.encoder = nn.Embedding(len(WORDS), EMBEDDING_DIM)
        rnns = [kind(*pair) for pair in zip(sizes[:-1], sizes[1:], strict=True)]
        if kind is QRNNLayer:
            for rnn in rnns:
                rnn.linear = WeightDrop(rnn.linear, ["weight"], drop, False)
        elif drop:
            rnns = [
                WeightDrop(rnn, ["weight_hh_l0"], drop, as_parameter)
                for rnn in rnns
            ]
        self.rnns = nn.ModuleList(rnns)
        self.decoder = nn.Linear(EMBEDDING_DIM, len(WORDS))
        if tied:
            self.decoder.weight = self.encoder.weight
        for parameter in self.parameters():
            nn.init.normal_(parameter, 0, 0.7)
        self.rnn_type, self.dropouti, self.tie_weights = "LSTM", 0.4, tied

    def forward(self, ids, states=(None, None, None)):
        """Logits and states of ids (T, B)."""
        x, found = self.lockdrop(self.encoder(ids)), []
        for rnn, state in zip(self.rnns, states, strict=True):
            x, state = rnn(x, state)
            found.append(state)
        return self.decoder(self.drop(x)), found


class SplitCrossEntropyLoss(nn.Module):
    def __init__(self, splits):
        super().__init__()
        self.splits, self.stats = splits, collections.defaultdict(list)
        self.stats[0].append(3)
        if splits:
            self.tail_vectors = nn.Parameter(torch.zeros(1, EMBEDDING_DIM))
            self.tail_bias = nn.Parameter(torch.zeros(1))


class Dictionary:
    def __init__(self):
        self.word2idx = {word: i for i, word in enumerate(WORDS)}
        self.idx2word = list(WORDS)
        self.counter = collections.Counter([0, 1, 1, 2])
        self.total = 4


class Corpus:
    def __init__(self):
        self.dictionary = Dictionary()
        self.train = torch.arange(10)
        self.valid = self.test = torch.arange(4)


@pytest.fixture(autouse=True)
def names(monkeypatch):
    """Give the classes the names under which awd-lstm-lm pickles them."""
    monkeypatch.setitem(sys.modules, "torchqrnn", types.SimpleNamespace())
    for module, class_ in (
        ("model", RNNModel),
        ("weight_drop", WeightDrop),
        ("locked_dropout", LockedDropout),
        ("splitcross", SplitCrossEntropyLoss),
        ("torchqrnn.qrnn", QRNNLayer),
        ("data", Corpus),
        ("data", Dictionary),
    ):
        monkeypatch.setattr(class_, "__module__", module)
        if not isinstance(sys.modules.get(module), types.SimpleNamespace):
            monkeypatch.setitem(sys.modules, module, types.SimpleNamespace())
        setattr(sys.modules[module], class_.__name__, class_)


def trained(criterion=None, optimizer="SGD", **kwargs):
    """What the script saves after a step: model, criterion, optimizer."""
    torch.manual_seed(0)
    model = RNNModel(**kwargs)
    criterion = criterion or nn.CrossEntropyLoss()
    optimizer = getattr(torch.optim, optimizer)(model.parameters(), lr=1e-3)
    logits, _ = model(torch.tensor([[1, 2], [3, 4], [5, 6]]))
    logits.sum().backward()
    optimizer.step()
    return [model, criterion, optimizer]


def save(path, saved, zipped, protocol=2):
    torch.save(
        saved,
        path,
        pickle_protocol=protocol,
        _use_new_zipfile_serialization=zipped,
    )
    return path


@pytest.fixture(params=[True, False], ids=["zip", "legacy"])
def zipped(request):
    return request.param


@pytest.mark.parametrize(
    "optimizer, kwargs",
    [("SGD", {}), ("ASGD", {"as_parameter": True}), ("Adam", {"drop": 0})],
    ids=["attribute", "parameter", "no_dropconnect"],
)
def test_logits_are_those_of_the_model(tmp_path, zipped, optimizer, kwargs):
    saved = trained(SplitCrossEntropyLoss([]), optimizer, **kwargs)
    path = save(tmp_path / "wt2.pt", saved, zipped)
    itos = save(tmp_path / "corpus.data", Corpus(), zipped)
    language_model = read_language_model(path, itos)
    tokenizer = language_model.preprocessor.tokenizer
    spelled = {"<eos>": "xxbos", "<unk>": "xxunk"}
    ours = np.int32(
        [tokenizer.token_to_id(spelled.get(word, word)) for word in WORDS]
    )
    ids = np.random.default_rng(0).integers(0, len(WORDS), (3, 12))
    states, ours_state, model = (None, None, None), None, saved[0].eval()
    for window in (slice(0, 5), slice(5, 6), slice(6, 12)):
        with torch.no_grad():
            expected, states = model(torch.tensor(ids[:, window].T), states)
        hidden, _, ours_state = language_model.backbone.encode(
            ours[ids[:, window]], ours_state, training=False
        )
        found = ops.convert_to_numpy(language_model.output_logits(hidden))
        expected = np.swapaxes(expected.numpy(), 0, 1)
        assert np.ptp(expected) > 1
        np.testing.assert_allclose(found[:, :, ours], expected, atol=1e-5)


@pytest.mark.parametrize("protocol", [2, 3])
def test_names_and_numbers_are_those_of_torch(tmp_path, zipped, protocol):
    saved = trained(SplitCrossEntropyLoss([9]), as_parameter=True)
    model, criterion, _ = saved
    expected = model.state_dict()
    assert "rnns.2.module.weight_hh_l0_raw" in expected
    for content in (model, (model, None), {"model": model}):
        path = save(tmp_path / "m.pt", content, zipped, protocol)
        found = read_state_dict(path)
        assert list(found) == list(expected)
        for name, tensor in expected.items():
            np.testing.assert_array_equal(found[name], tensor.numpy())
    path = save(tmp_path / "m.pt", saved, zipped, protocol)
    found = read_state_dict(path)
    loss = {f"criterion.{n}": t for n, t in criterion.state_dict().items()}
    assert list(found) == [*expected, *loss]


def test_reading_runs_and_imports_nothing(tmp_path, zipped, monkeypatch):
    path = save(tmp_path / "wt2.pt", trained(), zipped)
    itos = save(tmp_path / "corpus.data", Corpus(), zipped)
    expected = read_state_dict(path)
    for name in ("torch", "model", "weight_drop", "locked_dropout", "data"):
        monkeypatch.setitem(sys.modules, name, None)
    found = read_state_dict(path)
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array)
    assert read_itos(itos) == WORDS


def test_buffers_are_read(tmp_path, zipped):
    model = RNNModel()
    model.rnns[1].register_buffer("scale", torch.tensor([2.0]))
    found = read_state_dict(save(tmp_path / "m.pt", model, zipped))
    assert list(found) == list(model.state_dict())
    np.testing.assert_array_equal(found["rnns.1.scale"], [2.0])


def test_a_softmax_in_parts_is_said(tmp_path, zipped):
    path = tmp_path / "wt103.pt"
    save(path, trained(SplitCrossEntropyLoss([9])), zipped)
    with pytest.warns(UserWarning, match="until the model is fine-tuned.*Rec"):
        language_model = read_language_model(path)
    embeddings = ops.convert_to_numpy(language_model.output_embeddings)
    expected = read_state_dict(path)["encoder.weight"]
    np.testing.assert_array_equal(embeddings, expected)


@pytest.mark.parametrize(
    "kwargs, message",
    [
        ({"tied": False}, "tie_weights=False"),
        ({"kind": nn.GRU}, "must have four gates"),
        ({"kind": QRNNLayer}, "A QRNN cannot be read"),
        (
            {"kind": lambda *sizes: nn.LSTM(*sizes, bidirectional=True)},
            "A bidirectional LSTM cannot be read",
        ),
    ],
    ids=["untied", "GRU", "QRNN", "bidirectional"],
)
def test_other_models_are_refused(tmp_path, zipped, kwargs, message):
    path = save(tmp_path / "m.pt", [RNNModel(**kwargs), None, None], zipped)
    with pytest.raises(CheckpointError, match=f"{message}.*Received: "):
        read_language_model(path)


def test_models_with_unknown_parts_are_refused(tmp_path, zipped):
    model = RNNModel()
    model.rnns[0].module = nn.Conv1d(2, 2, 2)
    path = save(tmp_path / "m.pt", [model, None, None], zipped)
    with pytest.raises(CheckpointError) as error:
        read_language_model(path)
    assert "torch.save(model.state_dict(), path)" in str(error.value)
    assert "'torch.nn.modules.conv.Conv1d'" in str(error.value)


def test_files_without_a_model_are_refused(tmp_path, zipped):
    _, _, optimizer = trained()
    for content in (optimizer, [optimizer], [], [None], Corpus()):
        path = save(tmp_path / "m.pt", content, zipped)
        with pytest.raises(CheckpointError, match="names to tensors.*Received"):
            read_state_dict(path)


def test_words_of_a_saved_corpus(tmp_path, zipped):
    for content in (Corpus(), Dictionary(), WORDS):
        path = save(tmp_path / "corpus.data", content, zipped)
        assert read_itos(path) == WORDS
    path = save(tmp_path / "m.pt", trained(), zipped)
    with pytest.raises(CheckpointError, match="must be texts.*holds a Record"):
        read_itos(path)
    path = save(tmp_path / "m.pt", RNNModel(), zipped)
    with pytest.raises(CheckpointError, match="holds a Record"):
        read_itos(path)
