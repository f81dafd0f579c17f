import keras
import numpy as np
import pytest
from hypothesis import example
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from ulmfit_keras.data.length_buckets import LengthBuckets
from ulmfit_keras.data.length_buckets import bucket_lengths


def documents_of(lengths):
    """Documents whose first id tells their number."""
    return [[row + 10] + [7] * (n - 1) for row, n in enumerate(lengths)]


def rows_of(batches):
    return [
        [int(first) - 10 for first in batches[i]["token_ids"][:, 0]]
        for i in range(len(batches))
    ]


@pytest.mark.parametrize(
    "longest, last",
    [(1, 8), (8, 8), (9, 16), (16, 16), (17, 24), (33, 48), (1400, 1536)],
)
def test_bucket_lengths_reach_the_longest(longest, last):
    assert bucket_lengths(longest)[-1] == last


def test_bucket_lengths_do_not_depend_on_the_data():
    long = bucket_lengths(5000)
    assert long[:13] == [
        8,
        16,
        24,
        32,
        48,
        64,
        96,
        128,
        192,
        256,
        384,
        512,
        768,
    ]
    for longest in range(1, 2000):
        lengths = bucket_lengths(longest)
        assert lengths == long[: len(lengths)]
        assert lengths[-1] >= longest


@settings(deadline=None)
@given(
    lengths=st.lists(st.integers(1, 300), min_size=1, max_size=60),
    batch_size=st.integers(1, 9),
    max_batch_tokens=st.integers(1, 600),
    shuffle=st.booleans(),
    seed=st.integers(0, 99),
)
def test_every_document_once_and_padded_right(
    lengths, batch_size, max_batch_tokens, shuffle, seed
):
    documents = documents_of(lengths)
    batches = LengthBuckets(
        documents,
        batch_size=batch_size,
        max_batch_tokens=max_batch_tokens,
        shuffle=shuffle,
        seed=seed,
        pad_id=3,
    )
    assert sorted(sum(rows_of(batches), [])) == list(range(len(lengths)))
    for i in range(len(batches)):
        ids, mask = batches[i]["token_ids"], batches[i]["padding_mask"]
        assert ids.dtype == mask.dtype == np.int32
        assert ids.shape == mask.shape
        assert ids.shape[1] in bucket_lengths(300)
        assert len(ids) <= batch_size
        assert len(ids) <= 1 + shuffle or ids.size <= max_batch_tokens
        for row, row_mask in zip(ids, mask, strict=True):
            document = documents[row[0] - 10]
            padding = ids.shape[1] - len(document)
            assert row.tolist() == document + [3] * padding
            assert row_mask.tolist() == [1] * len(document) + [0] * padding


@settings(deadline=None)
@given(
    lengths=st.lists(st.integers(1, 3000), min_size=1, max_size=300),
    shuffle=st.booleans(),
)
def test_shapes_are_few(lengths, shuffle):
    batches = LengthBuckets(
        documents_of(lengths),
        batch_size=4,
        max_batch_tokens=10**9,
        shuffle=shuffle,
    )
    shapes = {batches[i]["token_ids"].shape for i in range(len(batches))}
    assert len(shapes) <= 2 * len(bucket_lengths(max(lengths)))
    padded = sum(b * t for b, t in (x["token_ids"].shape for x in batches))
    # Twice for padding, and once more twice for at most 3 that stand with
    # longer ones.
    assert padded <= 2 * sum(max(n, 8) for n in lengths) + sum(
        3 * 2 * t for t in bucket_lengths(max(lengths))
    )


def test_evenly_spread_lengths_leave_one_short_batch():
    lengths = np.random.default_rng(0).integers(1, 400, 1000)
    batches = LengthBuckets(documents_of(lengths), batch_size=16, shuffle=True)
    sizes = [len(rows) for rows in rows_of(batches)]
    assert sum(size < 16 for size in sizes) <= 1


def test_documents_that_are_not_shuffled_are_batched_by_length():
    lengths = np.random.default_rng(0).integers(1, 400, 1000)
    batches = LengthBuckets(documents_of(lengths), batch_size=16)
    spans = sorted(
        (lengths[rows].min(), lengths[rows].max()) for rows in rows_of(batches)
    )
    assert all(
        longest <= shortest
        for (_, longest), (shortest, _) in zip(spans, spans[1:], strict=False)
    )


@settings(deadline=None)
@given(lengths=st.lists(st.integers(1, 100), min_size=1, max_size=50))
def test_restore_gives_the_order_of_the_input(lengths):
    batches = LengthBuckets(documents_of(lengths), batch_size=4)
    outputs = np.concatenate([batch["token_ids"][:, 0] for batch in batches])
    restored = batches.restore({"a": outputs, "b": (outputs * 2,)})
    assert restored["a"].tolist() == [n + 10 for n in range(len(lengths))]
    assert restored["b"][0].tolist() == (restored["a"] * 2).tolist()


def test_targets_and_weights_stay_with_their_documents():
    lengths = np.random.default_rng(1).integers(1, 90, 101)
    targets = np.stack([np.arange(101), -np.arange(101)], axis=1)
    batches = LengthBuckets(
        documents_of(lengths),
        targets,
        np.arange(101) / 2,
        batch_size=8,
        shuffle=True,
    )
    for i in range(len(batches)):
        inputs, y, weight = batches[i]
        row = inputs["token_ids"][:, 0] - 10
        assert y.tolist() == [[n, -n] for n in row]
        assert weight.tolist() == (row / 2).tolist()


def test_order_is_a_function_of_seed_and_epoch():
    documents = documents_of([5] * 50 + [20] * 50)

    def orders(seed, epochs=3):
        batches = LengthBuckets(
            documents, batch_size=8, shuffle=True, seed=seed
        )
        result = []
        for _ in range(epochs):
            result.append(rows_of(batches))
            batches.on_epoch_end()
        return result

    first, again, other = orders(1), orders(1), orders(2)
    assert first == again
    assert first[0] != first[1] != first[2]
    assert first[0] != other[0]
    resumed = LengthBuckets(documents, batch_size=8, shuffle=True, seed=1)
    resumed.epoch = 2
    assert rows_of(resumed) == first[2]
    # Within a bucket, not only the batches.
    assert {frozenset(b) for b in first[0]} != {frozenset(b) for b in first[1]}


def test_a_look_at_one_batch_is_not_an_epoch():
    batches = LengthBuckets(documents_of([5] * 50), batch_size=8, shuffle=True)
    batches[0]
    batches.on_epoch_end()
    assert batches.epoch == 0


def test_a_longest_batch_comes_first_and_another_length_second():
    for seed in range(20):
        batches = LengthBuckets(
            documents_of([5] * 10 + [60] * 90),
            batch_size=5,
            shuffle=True,
            seed=seed,
        )
        assert batches[0]["token_ids"].shape == (5, 64)
        assert batches[1]["token_ids"].shape == (5, 8)


def tiny_model():
    token_ids = keras.Input((None,), dtype="int32", name="token_ids")
    mask = keras.Input((None,), dtype="int32", name="padding_mask")
    x = keras.layers.Embedding(200, 4)(token_ids)
    weights = keras.ops.cast(mask, "float32")[:, :, None]
    x = keras.ops.sum(x * weights, axis=1)
    outputs = keras.layers.Dense(2, activation="softmax")(x)
    return keras.Model({"token_ids": token_ids, "padding_mask": mask}, outputs)


@pytest.mark.parametrize("fit_shuffle", [False, True])
def test_fit_evaluate_and_predict(fit_shuffle):
    lengths = np.random.default_rng(2).integers(1, 120, 70)
    documents = documents_of(lengths)
    targets = np.arange(70) % 2
    model = tiny_model()
    model.compile("adam", "sparse_categorical_crossentropy")
    batches = LengthBuckets(documents, targets, batch_size=8, shuffle=True)
    history = model.fit(
        batches,
        epochs=3,
        verbose=0,
        shuffle=fit_shuffle,
        validation_data=LengthBuckets(documents, targets),
    )
    assert len(history.history["val_loss"]) == 3
    assert batches.epoch == 3
    for_prediction = LengthBuckets(documents, batch_size=8)
    together = for_prediction.restore(model.predict(for_prediction, verbose=0))
    for row in (0, 13, 69):
        one = LengthBuckets([documents[row]])
        alone = one.restore(model.predict(one, verbose=0))
        np.testing.assert_allclose(together[row], alone[0], atol=1e-6)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_fewer_documents_than_a_batch(count):
    batches = LengthBuckets(documents_of([4] * count), np.zeros(count))
    assert len(batches) == 1
    model = tiny_model()
    model.compile("adam", "sparse_categorical_crossentropy")
    history = model.fit(batches, verbose=0)
    assert np.isfinite(history.history["loss"]).all()


@pytest.mark.parametrize(
    "ids, options, message",
    [
        ([], {}, "at least one document"),
        ([[1], []], {}, "in row 1"),
        ([[1], [0.5]], {}, "whole numbers"),
        ([[1], [-1]], {}, "in row 1"),
        ([[[1]]], {}, "in row 0"),
        ([[1]], {"targets": [1, 2]}, "`targets` must have one entry"),
        ([[1]], {"sample_weight": [1.0]}, "needs `targets`"),
        ([[1]], {"batch_size": 0}, "at least 1"),
    ],
)
def test_wrong_input_is_refused(ids, options, message):
    with pytest.raises(ValueError, match=message) as error:
        LengthBuckets(ids, **options)
    assert "Received:" in str(error.value)


def test_restore_refuses_what_it_cannot_do():
    shuffled = LengthBuckets([[1], [2]], shuffle=True)
    with pytest.raises(ValueError, match="shuffle=False"):
        shuffled.restore(np.zeros(2))
    with pytest.raises(ValueError, match="one row per document"):
        LengthBuckets([[1], [2]]).restore(np.zeros(3))


@settings(deadline=None)
@given(
    lengths=st.lists(
        st.sampled_from([1, 10, 60, 300]), min_size=2, max_size=60
    ),
    batch_size=st.integers(2, 9),
    seed=st.integers(0, 99),
)
@example([1] + [300] * 50, 32, 0)
@example([5, 5, 300], 32, 0)
def test_no_document_is_trained_on_alone(lengths, batch_size, seed):
    batches = LengthBuckets(
        documents_of(lengths),
        batch_size=batch_size,
        max_batch_tokens=100,
        shuffle=True,
        seed=seed,
    )
    rows = [len(batch) for batch in rows_of(batches)]
    assert sum(rows) == len(lengths) and max(rows) <= batch_size
    # Two can be full of three documents, and of more that are long.
    assert min(rows) > 1 or max(rows) == 2
    assert len(batches) == len(rows)
    batches.on_epoch_end()
    assert len(batches) == len(rows)  # the steps of a schedule


def test_a_document_too_long_for_two_is_still_joined():
    batches = LengthBuckets(
        documents_of([100] * 6), max_batch_tokens=100, shuffle=True
    )
    assert [len(batch) for batch in rows_of(batches)] == [2, 2, 2]
