import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from ulmfit_keras.data.token_stream import IGNORED_TARGET
from ulmfit_keras.data.token_stream import TokenStream
from ulmfit_keras.data.token_stream import reverse_documents


def _pairs(stream):
    """The (token, target) pairs of an epoch, row after row."""
    rows = [[] for _ in range(stream.batch_size)]
    for index in range(len(stream)):
        inputs, targets = stream[index]
        for row, x, y in zip(rows, inputs["token_ids"], targets, strict=True):
            row += [
                (int(a), int(b))
                for a, b in zip(x, y, strict=True)
                if b != IGNORED_TARGET
            ]
    return [pair for row in rows for pair in row]


@settings(deadline=None, max_examples=100)
@given(
    st.integers(2, 300),
    st.integers(1, 9),
    st.integers(1, 80),
    st.booleans(),
)
def test_every_pair_once_and_in_order(length, rows, bptt, random_length):
    stream = TokenStream(np.arange(length), rows, bptt, random_length)
    assert _pairs(stream) == [(i, i + 1) for i in range(length - 1)]
    assert stream.num_targets == length - 1


def test_rows_go_on_from_batch_to_batch():
    stream = TokenStream(np.arange(41), batch_size=2, bptt=5)
    first, second = stream[0][0], stream[1][0]
    np.testing.assert_array_equal(
        first["token_ids"][:, -1] + 1, second["token_ids"][:, 0]
    )
    assert first["starts"].tolist() == [1, 1]
    assert second["starts"].tolist() == [0, 0]


def test_documents_stay_whole_and_come_in_a_new_order_every_epoch():
    documents = [np.array([2, 10 * i, 10 * i + 1]) for i in range(1, 30)]
    stream = TokenStream(documents, batch_size=1, bptt=7, epochs=2)
    orders = []
    for _ in range(2):
        tokens = [pair[0] for pair in _pairs(stream)] + [int(stream.ids[-1])]
        assert sorted(tokens) == sorted(np.concatenate(documents).tolist())
        for i in np.flatnonzero(np.array(tokens) == 2):
            assert tokens[i + 2] == tokens[i + 1] + 1
        orders.append(tokens)
        stream.epoch += 1
    assert orders[0] != orders[1]


def test_random_lengths_follow_awd_lstm():
    stream = TokenStream(
        np.zeros(2_000_000, "int32"), 1, 70, random_length=True, seed=3
    )
    lengths = stream.lengths
    assert set(lengths % 5) == {0}
    assert 0.03 < np.mean(lengths < 52) < 0.07
    assert abs(np.mean(lengths[lengths > 52]) - 70) < 0.5


def test_lengths_of_all_epochs_are_known_before():
    stream = TokenStream(np.arange(999), 3, 10, True, epochs=3, seed=1)
    seen = []
    for _ in range(3):
        seen += [stream[i][1].shape[1] for i in range(len(stream))]
        stream.epoch += 1
    assert seen == stream.lengths.tolist()
    assert stream.steps == len(seen)


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.integers(1, 30), min_size=2, max_size=9),
    st.integers(1, 3),
    st.integers(1, 9),
    st.integers(1, 7),
    st.booleans(),
)
def test_epochs_of_any_number_of_steps(sizes, rows, bptt, steps, random_length):
    """They go through the same batches as epochs of one pass each."""
    documents = [np.arange(size) + 100 * i for i, size in enumerate(sizes)]
    arguments = documents, rows, bptt, random_length
    whole = TokenStream(*arguments, epochs=2)
    short = TokenStream(*arguments, epochs=2, steps_per_epoch=steps)
    batches = []
    for stream in (whole, short):
        batches.append([])
        for _ in range(-(-whole.steps // len(stream))):
            batches[-1] += [stream[i] for i in range(len(stream))]
            stream.epoch += 1
    for (x, y), (other_x, other_y) in zip(*batches, strict=False):
        np.testing.assert_array_equal(x["token_ids"], other_x["token_ids"])
        np.testing.assert_array_equal(x["starts"], other_x["starts"])
        np.testing.assert_array_equal(y, other_y)


def test_an_epoch_can_be_read_by_its_number():
    documents = [np.arange(i) + 100 * i for i in range(5, 20)]
    arguments = documents, 2, 7, True
    read_in_order = TokenStream(*arguments, epochs=3, seed=4)
    for read_in_order.epoch in range(3):
        pairs = _pairs(read_in_order)
    chosen = TokenStream(*arguments, epochs=3, seed=4)
    chosen.epoch = 2
    assert _pairs(chosen) == pairs


def test_an_epoch_that_keras_ends_changes_nothing():
    # Keras ends one after each evaluation, too.
    stream = TokenStream([np.arange(i) for i in range(5, 20)], 2, 7)
    before = _pairs(stream)
    stream.on_epoch_end()
    assert _pairs(stream) == before


@pytest.mark.parametrize("seed", range(20))
def test_every_pass_begins_with_two_lengths(seed):
    """By which Keras sees that there are several."""
    stream = TokenStream(np.arange(101), 1, 20, True, epochs=4, seed=seed)
    for lengths in stream.pass_lengths:
        assert lengths[0] != lengths[1]
        assert sorted(lengths) == sorted(stream.pass_lengths[0])
        assert lengths[-1] == stream.pass_lengths[0][-1]


def test_one_token_is_no_stream():
    with pytest.raises(ValueError, match="Received: 1 tokens"):
        TokenStream(np.array([5]))


def test_reversed_documents_keep_their_beginning():
    ids = np.array([2, 5, 6, 7, 2, 2, 8, 9], "uint16")
    reversed_ids = reverse_documents(ids, beginning_id=2)
    assert reversed_ids.tolist() == [2, 7, 6, 5, 2, 2, 9, 8]
    assert reversed_ids.dtype == np.uint16
    again = reverse_documents(reversed_ids, beginning_id=2)
    np.testing.assert_array_equal(again, ids)
