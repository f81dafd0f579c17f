"""A step of training is traced once, not again for variables it made."""

import keras
import numpy as np
import pytest

from ulmfit_keras import data
from ulmfit_keras import models
from ulmfit_keras import stages

pytestmark = pytest.mark.skipif(
    keras.backend.backend() == "torch", reason="torch traces nothing"
)
LABELS = np.array([0, 1, 2, 1, 0, 2, 1], "int32")


@pytest.fixture
def traces(monkeypatch):
    """traces(kind): a list that grows by one with each trace of a step."""

    def watch(kind):
        owner = next(c for c in kind.__mro__ if "train_step" in vars(c))
        train_step = owner.train_step
        found = []

        def counted(self, *args):
            found.append(type(self))
            return train_step(self, *args)

        monkeypatch.setattr(owner, "train_step", counted)
        return found

    return watch


def test_a_task(classifier, texts, traces):
    found = traces(models.AWDLSTMTextClassifier)
    classifier.fit(texts, LABELS, batch_size=7, epochs=2, verbose=0)
    assert len(found) == 1


def test_a_language_model(language_model, traces):
    trainer = models.StreamLanguageModel(language_model, batch_size=2)
    trainer.compile("adam")
    found = traces(models.StreamLanguageModel)
    trainer.fit(data.TokenStream(np.arange(43) % 9, 2, 5), verbose=0)
    assert len(found) == 1


@pytest.mark.parametrize(
    ("kind", "epsilon"),
    [(keras.Model, None), (models.AdversarialTraining, 0.02)],
)
def test_stage_three(classifier, texts, traces, kind, epsilon):
    found = traces(kind)
    stages.train_classifier(
        classifier,
        texts,
        [classifier.labels[label] for label in LABELS],
        epochs=2,
        unfreezing="all",
        adversarial_epsilon=epsilon,
        verbose=0,
    )
    assert len(found) == 1
