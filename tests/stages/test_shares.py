"""Scores shifted to known shares of classes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from ulmfit_keras import match_shares


@given(
    seed=st.integers(0, 2**32 - 1),
    num_texts=st.integers(1, 60),
    num_classes=st.integers(2, 6),
)
def test_shares_are_met_with_the_highest_sum_of_scores(
    seed, num_texts, num_classes
):
    random = np.random.default_rng(seed)
    scale = random.uniform(0.1, 3.0, num_classes)
    scores = random.normal(size=(num_texts, num_classes)) * scale
    shares = random.uniform(0.05, 1.0, num_classes)

    shifted = match_shares(scores, shares)
    chosen = shifted.argmax(axis=1)
    counts = np.bincount(chosen, minlength=num_classes)
    np.testing.assert_allclose(
        counts, num_texts * shares / shares.sum(), atol=1.0
    )
    # Every text takes one of as many places as its class has.
    places = np.repeat(np.arange(num_classes), counts)
    rows, columns = linear_sum_assignment(-scores[:, places])
    best = scores[rows, places[columns]].sum()
    found = scores[np.arange(num_texts), chosen].sum()
    np.testing.assert_allclose(found, best, atol=1e-9)
    # One number a column.
    np.testing.assert_allclose(np.ptp(shifted - scores, axis=0), 0, atol=1e-12)


def test_a_rare_class_is_not_guessed_for_half_of_the_texts():
    random = np.random.default_rng(0)
    rare = random.uniform(size=4000) < 0.1
    scores = random.normal(size=(4000, 2)).astype("float32")
    scores[:, 1] += 5 * rare
    scores -= scores.mean(axis=0)
    shifted = match_shares(scores, [90, 10])
    assert shifted.dtype == "float32"
    before = np.mean((scores.argmax(axis=1) == 1) != rare)
    after = np.mean((shifted.argmax(axis=1) == 1) != rare)
    assert before > 0.2 and after < 0.03


def test_equal_scores_and_no_texts_come_to_an_end():
    assert match_shares(np.zeros((5, 3)), [1, 1, 1]).shape == (5, 3)
    assert match_shares(np.zeros((0, 3)), [1, 1, 1]).shape == (0, 3)


@pytest.mark.parametrize("shares", [[1, 0], [1], [1, 1, 1], [[1, 1]]])
def test_shares_are_one_above_0_for_each_column(shares):
    with pytest.raises(ValueError, match="for each column of `scores`"):
        match_shares(np.zeros((4, 2)), shares)


def test_whole_numbers_are_shifted_by_parts_of_one():
    scores = np.array([[2, 0], [1, 0], [4, 0], [3, 0]])
    shifted = match_shares(scores, [1, 1])
    assert shifted.argmax(axis=1).tolist() == [1, 1, 0, 0]
