import importlib.machinery
import lzma
import sys
import types

import pytest

from ulmfit_keras.data.errors import DataError
from ulmfit_keras.data.public import load_public


def write_csv(path, rows):
    path.parent.mkdir(exist_ok=True, parents=True)
    content = "text,label\n" + "".join(f"{t},{y}\n" for t, y in rows)
    path.write_bytes(lzma.compress(content.encode()))


def test_sets_in_a_folder(tmp_path):
    write_csv(tmp_path / "imdb/train.csv.xz", [("good", "pos")])
    write_csv(tmp_path / "imdb/test.csv.xz", [("bad", "neg")])
    write_csv(tmp_path / "imdb/unsup.csv.xz", [("so so", "")])
    write_csv(tmp_path / "imdb/train_extra.csv.xz", [("more", "pos")])
    tables = load_public("imdb", tmp_path)
    assert set(tables) == {"train", "test", "unlabeled", "train_extra"}
    assert tables["train"].labels == ["pos"]
    assert tables["unlabeled"].texts == ["so so"]
    assert tables["unlabeled"].labels is None


def test_sets_that_are_not_there(tmp_path):
    write_csv(tmp_path / "trec/train.csv.xz", [("a", "b")])
    with pytest.raises(DataError, match="folders \\['trec'\\]"):
        load_public("imdb", tmp_path)
    with pytest.raises(DataError, match="the files \\['train'\\]"):
        load_public("trec", str(tmp_path))
    with pytest.raises(ValueError, match="one of .*'imdb'") as error:
        load_public("imbd")
    assert "Received: name='imbd'" in str(error.value)


def test_without_tensorflow_datasets(monkeypatch):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name: None if name == "tensorflow_datasets" else find_spec(name),
    )
    with pytest.raises(ImportError, match=r"ulmfit_keras\[datasets\]"):
        load_public("imdb")


class ClassLabel:
    def __init__(self, names):
        self.int2str = names.__getitem__


@pytest.fixture
def catalogue(monkeypatch):
    """A stand-in for TensorFlow Datasets, with the features of its sets."""
    sets = {
        "imdb_reviews": (
            {"label": ClassLabel(["neg", "pos"])},
            {
                "train": [{"text": "é".encode(), "label": 1}],
                "test": [{"text": b"b", "label": 0}],
                "unsupervised": [{"text": b"c", "label": -1}],
            },
        ),
        "ag_news_subset": (
            {"label": ClassLabel(["World", "Sports"])},
            {
                split: [{"title": b"A", "description": b"b.", "label": 1}]
                for split in ("train", "test")
            },
        ),
        "trec": (
            {
                "label-coarse": ClassLabel(["DESC", "ENTY"]),
                "label-fine": ClassLabel(["manner", "animal"]),
            },
            {
                split: [{"text": b"a", "label-coarse": 1, "label-fine": 1}]
                for split in ("train", "test")
            },
        ),
    }

    def load(name, with_info):
        features, splits = sets[name]
        info = types.SimpleNamespace(features=features, full_name=name)
        assert with_info
        return splits, info

    module = types.ModuleType("tensorflow_datasets")
    module.__spec__ = importlib.machinery.ModuleSpec(module.__name__, None)
    module.load = load
    module.as_numpy = iter
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", module)


def test_downloaded_sets(catalogue):
    tables = load_public("imdb")
    assert tables["train"].texts == ["é"]
    assert tables["train"].labels == ["pos"]
    assert tables["unlabeled"].labels is None
    assert "imdb_reviews" in tables["test"].source
    assert load_public("ag_news")["test"].texts == ["A b."]
    assert load_public("trec")["test"].labels == ["ENTY"]
    assert load_public("trec-fine50")["test"].labels == ["ENTY:animal"]


@pytest.mark.data
@pytest.mark.parametrize(
    "name, train, test, classes",
    [
        ("trec", 5452, 500, 6),
        ("trec-fine50", 5452, 500, 50),
        ("ag_news", 26393, 7600, 4),
        ("dbpedia", 5000, 5000, 14),
    ],
)
def test_real_sets(data_dir, name, train, test, classes):
    tables = load_public(name, data_dir)
    assert len(tables["train"]) == train
    assert len(tables["test"]) == test
    assert len(set(tables["train"].labels)) == classes
    assert not tables["train"].problems


def test_one_file_a_split(tmp_path):
    write_csv(tmp_path / "trec/train.csv.xz", [("a", "b")])
    write_csv(tmp_path / "trec/test.csv.xz", [("a", "b")])
    (tmp_path / "trec/train.csv.bak").write_text("not a table")
    assert set(load_public("trec", tmp_path)) == {"train", "test"}
    (tmp_path / "trec/train.csv").write_text("text,label\na,b\n")
    with pytest.raises(DataError, match="train.csv and train.csv.xz"):
        load_public("trec", tmp_path)
