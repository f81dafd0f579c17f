"""The calibration error and the coverage table, by hand."""

import numpy as np
import pytest

from ulmfit_keras.evaluation import calibration
from ulmfit_keras.evaluation import coverage


def test_error_by_hand():
    confidence = [0.95, 0.95, 0.95, 0.95, 0.55, 0.55]
    correct = [1, 1, 1, 0, 1, 0]
    found = calibration(confidence, correct, bins=10)
    # |0.95 - 3/4| over four rows, |0.55 - 1/2| over two.
    assert found["ece"] == pytest.approx((4 * 0.2 + 2 * 0.05) / 6)
    last = found["bins"][9]
    assert last["count"] == 4
    assert last["accuracy"] == 0.75
    assert last["confidence"] == pytest.approx(0.95)
    assert found["bins"][0]["accuracy"] is None


def test_bins_include_their_upper_end():
    found = calibration([0.0, 0.2, 0.6, 1.0], [0, 0, 1, 1], bins=5)
    assert [b["count"] for b in found["bins"]] == [2, 0, 1, 0, 1]


def test_perfect_and_hopeless():
    assert calibration([1.0, 1.0], [1, 1])["ece"] == 0
    assert calibration([1.0, 1.0], [0, 0])["ece"] == 1


def test_honest_probabilities_have_a_small_error():
    generator = np.random.default_rng(0)
    stated = generator.uniform(size=20_000)
    correct = generator.uniform(size=20_000) < stated
    assert calibration(stated, correct)["ece"] < 0.02
    assert calibration(stated**2, correct)["ece"] > 0.1


def test_coverage_by_hand():
    found = coverage([0.6, 0.9, 0.99], [0, 1, 1], thresholds=(0.5, 0.9, 1.0))
    assert [row["kept"] for row in found] == [1, pytest.approx(2 / 3), 0]
    assert [row["error"] for row in found] == [pytest.approx(1 / 3), 0, None]
