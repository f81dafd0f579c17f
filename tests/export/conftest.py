"""Small classifiers with random weights, and clients to ask exported ones."""

import base64
import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from ulmfit_keras.export import savedmodel
from ulmfit_keras.models import AWDLSTMBackbone
from ulmfit_keras.models import AWDLSTMTextClassifier
from ulmfit_keras.models import AWDLSTMTextClassifierPreprocessor
from ulmfit_keras.text import SPECIAL_TOKENS
from ulmfit_keras.text import WordTokenizer

WORDS = [
    *SPECIAL_TOKENS,
    *"a the film is not good bad fine very . , ! 3".split(),
]
LABELS = ["zebra", "ant", "möwe"]


@pytest.fixture(scope="session")
def make_classifier():
    """A function that makes a classifier; every weight matters in it."""

    def make(num_classes=3, tokenizer=None, backwards=False, seed=0, **kwargs):
        tokenizer = tokenizer or WordTokenizer(WORDS)
        backbone = AWDLSTMBackbone(
            tokenizer.vocabulary_size(), 10, 14, 2, backwards=backwards
        )
        classifier = AWDLSTMTextClassifier(
            backbone,
            num_classes,
            AWDLSTMTextClassifierPreprocessor(tokenizer, sequence_length=300),
            **kwargs,
        )
        rng = np.random.default_rng(seed)
        for variable in classifier.weights:
            if "seed" not in variable.path:
                value = rng.normal(
                    0, [0.1, 1][variable.ndim - 1], variable.shape
                )
                if "variance" in variable.path:
                    value = np.abs(value) + 0.1
                variable.assign(value)
        return classifier

    return make


@pytest.fixture(scope="session")
def classifier(make_classifier):
    """A classifier of three classes."""
    return make_classifier(labels=LABELS)


@pytest.fixture(scope="session")
def model_path(classifier, tmp_path_factory):
    """The folder to which it was exported."""
    path = tmp_path_factory.mktemp("served") / "1"
    savedmodel(classifier, path)
    return path


TEXTS = [
    "",
    " \n\t",
    "The film is not good!",
    "VERY good good good good, goooood 333",
    "xxbos xxunk xxpad good xxup",
    "👍🏽 e\u0301 中文 שלום \u200b \x00 \x07",
    b"\xff\xfe good \xc3\x28 \xed\xa0\x80",
    "not fine " * 40,
    "good. bad! " * 200,
    "x" * 1_000_000,
    "a very bad film, " * 60_000,
]


@pytest.fixture
def ask_process(tmp_path):
    """A function that asks a model in a clean process, with a client here."""

    def ask(client, arguments, batches, operations=()):
        batches = [
            [text.encode() if isinstance(text, str) else text for text in batch]
            for batch in batches
        ]
        requests, answers = tmp_path / "requests", tmp_path / "answers"
        requests.write_text(
            json.dumps(
                [[base64.b64encode(t).decode() for t in b] for b in batches]
            )
        )
        client = pathlib.Path(__file__).with_name(client)
        subprocess.run(
            [
                sys.executable,
                client,
                *arguments,
                requests,
                answers,
                *operations,
            ],
            check=True,
            cwd=tmp_path,
        )
        return json.loads(answers.read_text())

    return ask


@pytest.fixture(scope="session")
def batches():
    """Batches of hard texts: none, one, a few of all lengths, many."""
    return [[], *([text] for text in TEXTS), TEXTS, TEXTS[:8][::-1] * 8]


@pytest.fixture(scope="session")
def expected(classifier, batches):
    """What `predict` says of each batch."""
    rows = dict(zip(TEXTS, classifier.predict(TEXTS), strict=True))
    return [
        np.array([rows[text] for text in batch]).reshape(-1, 3)
        for batch in batches
    ]
