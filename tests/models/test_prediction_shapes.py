"""The shapes that `predict` gives a model: few on JAX, tight elsewhere."""

import keras
import numpy as np
import pytest

from ulmfit_keras.data import bucket_lengths

IS_JAX = keras.backend.backend() == "jax"


@pytest.fixture
def shapes(monkeypatch):
    """The shapes of all batches that a model is given."""
    seen = []
    predict_on_batch = keras.Model.predict_on_batch

    def record(model, batch):
        seen.append(batch["token_ids"].shape)
        assert batch["padding_mask"].shape == seen[-1]
        return predict_on_batch(model, batch)

    monkeypatch.setattr(keras.Model, "predict_on_batch", record)
    return seen


def documents_of(lengths):
    return [[2] + [7] * (length - 1) for length in lengths]


@pytest.mark.skipif(not IS_JAX, reason="others compile no shapes")
def test_many_calls_have_few_shapes(classifier, shapes):
    random = np.random.default_rng(0)
    for count in range(1, 33):
        documents = documents_of(random.integers(1, 64, count))
        assert classifier.predict(documents).shape == (count, 3)
    lengths = len(bucket_lengths(64))
    assert len(set(shapes)) <= lengths * len([1, 2, 4, 8, 16, 32])
    assert {rows for rows, _ in shapes} <= {1, 2, 4, 8, 16, 32}


@pytest.mark.skipif(not IS_JAX, reason="others compile no shapes")
def test_full_batches_are_not_filled_up(classifier, shapes):
    classifier.predict(documents_of([5] * 10), batch_size=5)
    assert shapes == [(5, 8), (5, 8)]


@pytest.mark.skipif(IS_JAX, reason="JAX would compile each shape")
def test_no_column_is_padding_alone(classifier, shapes):
    classifier.predict(documents_of([3, 21, 20, 9, 9]), batch_size=2)
    assert sorted(shapes) == [(1, 3), (2, 9), (2, 21)]
