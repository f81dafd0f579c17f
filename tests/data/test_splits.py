import collections
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from ulmfit_keras.data.errors import DataError
from ulmfit_keras.data.splits import oversample
from ulmfit_keras.data.splits import stratified_split

LABELS = st.lists(st.sampled_from("abcd"), min_size=2, max_size=60)
FRACTIONS = st.floats(0.01, 0.99)


@settings(deadline=None)
@given(labels=LABELS, fraction=FRACTIONS, seed=st.integers(0, 50))
def test_rows_are_parted_and_every_class_stays(labels, fraction, seed):
    if len(set(labels)) == len(labels):
        with pytest.raises(DataError, match="two rows"):
            stratified_split(labels, fraction, seed)
        return
    kept, held_out = stratified_split(labels, fraction, seed)
    assert sorted([*kept, *held_out]) == list(range(len(labels)))
    assert list(kept) == sorted(kept)
    assert list(held_out) == sorted(held_out)
    assert {labels[row] for row in kept} == set(labels)
    spare = len(labels) - len(set(labels))
    wanted = max(1, round(fraction * len(labels)))
    assert len(held_out) == min(wanted, spare)


@settings(deadline=None)
@given(seed=st.integers(0, 50))
def test_shares_are_those_of_the_whole(seed):
    labels = ["a"] * 500 + ["b"] * 250 + ["c"] * 50 + ["d"]
    _, held_out = stratified_split(labels, 0.1, seed)
    counts = collections.Counter(labels[row] for row in held_out)
    assert counts == {"a": 50, "b": 25, "c": 5}


def test_rounding_favours_no_class():
    labels = [n % 7 for n in range(70)]
    counts = collections.Counter()
    for seed in range(70):
        _, held_out = stratified_split(labels, 0.05, seed)
        counts.update(labels[row] for row in held_out)
    # 4 of 70 rows in each of 70 splits: 40 of each of the 7 classes.
    assert sum(counts.values()) == 280
    assert len(counts) == 7
    assert min(counts.values()) > 20


def test_the_choice_is_random_and_depends_on_the_seed_only():
    labels = ["a", "b"] * 50
    first = stratified_split(labels, 0.2, seed=1)
    again = stratified_split(labels, 0.2, seed=1)
    other = stratified_split(labels, 0.2, seed=2)
    assert np.array_equal(first[1], again[1])
    assert not np.array_equal(first[1], other[1])


@settings(deadline=None)
@given(
    labels=st.lists(
        st.lists(st.sampled_from("abcde"), unique=True, max_size=3),
        min_size=12,
        max_size=60,
    ),
    seed=st.integers(0, 20),
)
def test_no_label_of_several_is_held_out_altogether(labels, seed):
    kept, held_out = stratified_split(labels, 0.3, seed)
    assert sorted([*kept, *held_out]) == list(range(len(labels)))
    names = {name for row in labels for name in row}
    assert {name for row in kept for name in labels[row]} == names


def test_rows_go_back_for_a_label_that_would_be_lost():
    # Rows go by "a" and by "b"; half of each may hold both rows of "z".
    labels = [["z", "a"], ["z", "b"], ["a"], ["b"]]
    sizes = set()
    for seed in range(30):
        kept, held_out = stratified_split(labels, 0.5, seed)
        assert {name for row in kept for name in labels[row]} == set("abz")
        sizes.add(len(held_out))
    assert sizes == {1, 2}


def test_several_labels_are_stratified():
    labels = [["common"]] * 90 + [["common", "rare"]] * 10
    _, held_out = stratified_split(labels, 0.2)
    assert sum("rare" in labels[row] for row in held_out) == 2


def test_numbers_are_held_out_over_their_whole_range():
    values = np.random.default_rng(0).normal(size=200).tolist()
    _, held_out = stratified_split(values, 0.1)
    assert len(held_out) == 20
    ranks = np.argsort(np.argsort(values))[held_out] // 20
    assert sorted(ranks.tolist()) == sorted(list(range(10)) * 2)
    whole = stratified_split([1, 2, 3, 4], 0.5, problem_type="regression")
    assert len(whole[1]) == 2
    arrays = stratified_split(np.array(values), 0.1)
    assert arrays[1].tolist() == held_out.tolist()
    several = np.reshape(values, (100, 2))
    assert (
        len(stratified_split(several, 0.1, problem_type="regression")[1]) == 10
    )


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 5])
def test_wrong_fraction(fraction):
    with pytest.raises(ValueError, match="Received: fraction"):
        stratified_split(["a", "a"], fraction)


def test_no_rows():
    with pytest.raises(DataError, match="Received: 0 rows"):
        stratified_split([])


@settings(deadline=None)
@given(labels=LABELS, seed=st.integers(0, 20))
def test_oversampling_makes_classes_equal(labels, seed):
    rows = oversample(labels, seed).tolist()
    assert rows[: len(labels)] == list(range(len(labels)))
    classes = collections.Counter(labels[row] for row in rows)
    assert len(set(classes.values())) == 1
    times = collections.Counter(rows)
    for label in set(labels):
        repeats = [times[r] for r, x in enumerate(labels) if x == label]
        assert max(repeats) - min(repeats) <= 1


def test_oversampling_of_nothing():
    assert oversample([]).tolist() == []


def test_many_classes_take_no_time():
    # An identifier taken for the label; 60,000 of them took seven seconds.
    labels = [row // 2 if row < 6_000 else row for row in range(60_000)]
    began = time.process_time()
    kept, held_out = stratified_split(labels, 0.1, problem_type="single_label")
    assert time.process_time() - began < 3
    assert len(held_out) == 3_000 and len(kept) == 57_000
