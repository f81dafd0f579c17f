"""Small tables and presets, and a process that runs recipes on them."""

import csv
import json
import os
import pathlib
import subprocess
import sys
from typing import NamedTuple

import keras
import numpy as np
import pytest

from ulmfit_keras import models
from ulmfit_keras import text

GOOD, BAD = ["good", "fine", "great"], ["bad", "poor", "awful"]
WORDS = [*GOOD, *BAD, *"the film was a very and , . !".split()]
HARD_TEXTS = [
    "",
    " \n\t",
    "👍🏽👍🏽 e\u0301 中文 שלום \u200b",
    'he said "good, ""very"" good"\nand then\r\n\r\n"went, away',
    "<script>alert('good')</script> & <b>bad</b>",
    "x" * 1_000_000,
]


class Run(NamedTuple):
    """What a recipe left behind."""

    code: int
    stdout: str
    stderr: str

    @property
    def summary(self):
        """The JSON object that is the last line of stdout."""
        assert self.code == 0, self.stderr
        return json.loads(self.stdout.splitlines()[-1])


@pytest.fixture(autouse=True)
def long_csv_fields():
    """Lets `csv`, in tests on recipes only, read texts of any length."""
    limit = csv.field_size_limit(2**31 - 1)
    yield
    csv.field_size_limit(limit)


@pytest.fixture(scope="session")
def run_recipe():
    """run_recipe(name, *arguments, **options): its `Run`."""
    with subprocess.Popen(
        [sys.executable, pathlib.Path(__file__).with_name("recipe_server.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "KERAS_BACKEND": keras.backend.backend()},
    ) as process:

        def run(name, *arguments, **options):
            named = [f"--{key}={value}" for key, value in options.items()]
            request = json.dumps([name, *named, *arguments])
            print(request, file=process.stdin, flush=True)
            return Run(*json.loads(process.stdout.readline()))

        yield run
        process.stdin.close()


@pytest.fixture(scope="session")
def prepare_corpus(tmp_path_factory, run_recipe):
    """prepare_corpus(make_document, train, valid): its prepared folder.

    `make_document(random)` gives a text; `train` and `valid` are how many.
    """

    def prepare(make_document, **counts):
        folder = tmp_path_factory.mktemp("corpus")
        random = np.random.default_rng(0)
        for name, count in counts.items():
            documents = [make_document(random) for _ in range(count)]
            (folder / f"{name}.txt").write_text("\n\n".join(documents))
        assert run_recipe(
            "prepare_corpus",
            train=folder / "train.txt",
            valid=folder / "valid.txt",
            vocabulary_size=40,
            output_dir=folder / "prepared",
        ).summary
        return folder / "prepared"

    return prepare


def _rows(name, count):
    random = np.random.default_rng(count)
    labels = random.permutation(["neg", "pos"] * (count // 2)).tolist()
    texts = [
        f"The film was {random.choice(GOOD if y == 'pos' else BAD)}, in_{name}."
        for y in labels
    ]
    # A million characters of words; where they are learnt from, fewer.
    long = "a very good film, " * (60_000 if name == "test" else 300)
    hard = [*HARD_TEXTS, long]
    hard_labels = (["neg", "pos"] * len(hard))[: len(hard)]
    return [*texts, *hard], [*labels, *hard_labels]


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """A folder with train.csv, test.csv and more.csv (without labels).

    A word "in_train", and so on, tells from which one a text is.
    """
    folder = tmp_path_factory.mktemp("tables")
    for name, count in (("train", 48), ("test", 16), ("more", 24)):
        texts, labels = _rows(name, count)
        columns = {"review": texts, "stars": labels}
        if name == "more":
            del columns["stars"]
        path = folder / f"{name}.csv"
        with open(path, "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(columns)
            writer.writerows(zip(*columns.values(), strict=True))
    return folder


@pytest.fixture(scope="session")
def presets(tmp_path_factory):
    """A folder with the tiny presets `forward` and `backward`."""
    folder = tmp_path_factory.mktemp("presets")
    # Before the seed of the first test, which holds for that test alone.
    keras.utils.set_random_seed(0)
    for name in ("forward", "backward"):
        backbone = models.AWDLSTMBackbone(
            len(text.SPECIAL_TOKENS) + len(WORDS),
            embedding_dim=8,
            hidden_dim=12,
            num_layers=2,
            backwards=name == "backward",
        )
        tokenizer = text.WordTokenizer([*text.SPECIAL_TOKENS, *WORDS])
        models.AWDLSTMCausalLM(
            backbone, models.AWDLSTMCausalLMPreprocessor(tokenizer)
        ).save_to_preset(folder / name)
    return folder


@pytest.fixture(scope="session")
def options(folder, presets):
    """Options that every recipe on tables gets here."""
    return {
        "train": folder / "train.csv",
        "text_column": "review",
        "label_column": "stars",
        "preset": presets / "forward",
        "batch_size": 32,
    }


@pytest.fixture(scope="session")
def classifier_options(options, folder):
    """Options of recipes with a stage 3; few shapes are compiled."""
    return {
        **options,
        "test": folder / "test.csv",
        "classifier_epochs": 1,
        "classifier_learning_rate": 0.05,
        "max_tokens": 16,
        "max_length": 8,
    }
