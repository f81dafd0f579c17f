"""Public data sets by name, from a folder or from the network."""

import dataclasses
import importlib.util
import pathlib

from ulmfit_keras.data.errors import DataError
from ulmfit_keras.data.tables import TextTable
from ulmfit_keras.data.tables import read_table
from ulmfit_keras.data.text_files import file_format

_UNLABELED = {"unsup": "unlabeled", "unsupervised": "unlabeled"}


@dataclasses.dataclass(frozen=True)
class _Catalogued:
    """Where TensorFlow Datasets keeps a set, and under which names."""

    name: str
    text_features: tuple = ("text",)
    label_features: tuple = ("label",)


_CATALOGUE = {
    "imdb": _Catalogued("imdb_reviews"),
    "ag_news": _Catalogued(
        "ag_news_subset", text_features=("title", "description")
    ),
    "trec": _Catalogued("trec", label_features=("label-coarse",)),
    "trec-fine50": _Catalogued(
        "trec", label_features=("label-coarse", "label-fine")
    ),
    "yelp": _Catalogued("yelp_polarity_reviews"),
}
PUBLIC_SETS = (*_CATALOGUE, "dbpedia")


def load_public(name, data_dir=None):
    """Load a public text classification set.

    Args:
        name: `"imdb"`, `"ag_news"`, `"trec"`, `"trec-fine50"` or `"yelp"`;
            with `data_dir`, the name of any folder in it, such as
            `"dbpedia"`, which cannot be downloaded.
        data_dir: a folder that holds `<name>/train.csv`, `<name>/test.csv`
            and perhaps more, each with the columns `text` and `label`, and
            each perhaps compressed (`.csv.xz`, …). Defaults to None: the set
            is downloaded through TensorFlow Datasets.

    Returns:
        A dict from the name of a split to its `TextTable`: `"train"`,
        `"test"`, for IMDb `"unlabeled"` (whose labels are None), and in a
        folder one for each other file, named as the file.

    Raises:
        DataError: if the folder has no such set.
        ImportError: if it takes TensorFlow Datasets and that is not
            installed.
        ValueError: if the name is not known.

    Example:

    ```python
    tables = load_public("imdb", data_dir="~/corpora")
    tables["train"].texts
    ```
    """
    if data_dir is not None:
        return _read_folder(name, pathlib.Path(data_dir).expanduser())
    if name not in _CATALOGUE:
        raise ValueError(
            f"`name` must be one of {sorted(_CATALOGUE)} to be downloaded; "
            "pass `data_dir` to read another set from a folder. "
            f"Received: name={name!r}"
        )
    if importlib.util.find_spec("tensorflow_datasets") is None:
        raise ImportError(
            f"Downloading {name!r} needs TensorFlow Datasets: "
            'pip install "ulmfit_keras[datasets]". Without network, pass '
            f"`data_dir`, a folder with {name}/train.csv and "
            f"{name}/test.csv. Received: data_dir=None"
        )
    return _download(_CATALOGUE[name])


def _read_folder(name, data_dir):
    files = {}
    for path in sorted((data_dir / name).glob("*")):
        if file_format(path) != ".csv":
            continue
        split = path.name.split(".csv")[0]
        if split in files:
            raise DataError(
                f"{data_dir / name} must hold one file for {split!r}; remove "
                f"the other. Received: {files[split].name} and {path.name}"
            )
        files[split] = path
    if not {"train", "test"} <= set(files):
        there = sorted(p.name for p in data_dir.glob("*") if p.is_dir())
        raise DataError(
            f"{data_dir / name} must hold train.csv and test.csv, perhaps "
            f"compressed (train.csv.xz). Received: the files {sorted(files)}; "
            f"{data_dir} has the folders {there}"
        )
    return {
        _UNLABELED.get(split, split): read_table(
            path, label_column=None if split in _UNLABELED else "label"
        )
        for split, path in files.items()
    }


def _download(catalogued):
    import tensorflow_datasets as tfds

    splits, info = tfds.load(catalogued.name, with_info=True)
    features = [info.features[name] for name in catalogued.label_features]
    tables = {}
    for split, examples in splits.items():
        texts, labels = [], []
        for example in tfds.as_numpy(examples):
            fields = [example[name] for name in catalogued.text_features]
            texts.append(" ".join(field.decode("utf-8") for field in fields))
            if split not in _UNLABELED:
                numbers = [example[name] for name in catalogued.label_features]
                labels.append(
                    ":".join(
                        feature.int2str(int(number))
                        for feature, number in zip(
                            features, numbers, strict=True
                        )
                    )
                )
        tables[_UNLABELED.get(split, split)] = TextTable(
            texts,
            None if split in _UNLABELED else labels,
            f"TensorFlow Datasets' {info.full_name}, {split}",
        )
    return tables
