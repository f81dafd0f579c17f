"""Intervals and tests against values worked out by hand or by SciPy."""

import math

import numpy as np
import pytest
from scipy import stats

from ulmfit_keras.evaluation import compare_distances
from ulmfit_keras.evaluation import compare_mistakes
from ulmfit_keras.evaluation import wilson_interval
from ulmfit_keras.evaluation.comparison import sign_test


def _rows(both_right, wins, losses, both_wrong):
    wrong = [0] * (both_right + wins) + [1] * (losses + both_wrong)
    other = [0] * both_right + [1] * wins + [0] * losses + [1] * both_wrong
    return wrong, other


def test_wilson_interval():
    # Newcombe 1998, table I: 81 of 263 and 1 of 29 and 0 of 20.
    low, high = wilson_interval(81, 263)
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)
    low, high = wilson_interval(1, 29)
    assert (round(low, 4), round(high, 4)) == (0.0061, 0.1718)
    low, high = wilson_interval(0, 20)
    assert (low, round(high, 4)) == (0, 0.1611)
    assert wilson_interval(20, 20)[1] == 1


def test_sign_test_by_hand():
    # 1 of 9: twice the chance of 0 or 1 heads in 9 throws.
    assert sign_test(8, 1) == pytest.approx(2 * (1 + 9) / 2**9)
    assert sign_test(1, 8) == sign_test(8, 1)
    assert sign_test(0, 0) == 1
    assert sign_test(5, 5) == 1


def test_mistakes_by_hand():
    found = compare_mistakes(*_rows(60, 20, 8, 12))
    assert found["error"] == pytest.approx(0.20)
    assert found["baseline_error"] == pytest.approx(0.32)
    assert found["difference"] == pytest.approx(0.12)
    assert (found["wins"], found["losses"]) == (20, 8)
    assert found["both_wrong"] == 12
    assert found["p_value"] == pytest.approx(
        2 * sum(math.comb(28, k) for k in range(9)) / 2**28
    )
    # Half a row more in each of the four outcomes, then Wald's interval.
    half = 1.959964 * math.sqrt((29 / 102 - (12 / 102) ** 2) / 102)
    assert found["interval"] == pytest.approx(
        [12 / 102 - half, 12 / 102 + half], abs=1e-6
    )


def test_mistakes_are_antisymmetric():
    wrong, other = _rows(50, 9, 4, 2)
    there, back = compare_mistakes(wrong, other), compare_mistakes(other, wrong)
    assert there["difference"] == -back["difference"]
    assert there["p_value"] == back["p_value"]
    assert there["interval"] == pytest.approx(
        [-end for end in reversed(back["interval"])]
    )


def test_equal_models():
    found = compare_mistakes([0, 1, 0], [0, 1, 0])
    assert found["difference"] == 0 and found["p_value"] == 1
    assert found["interval"][0] < 0 < found["interval"][1]


def test_distances_are_a_paired_t_test():
    generator = np.random.default_rng(1)
    mine, other = generator.uniform(size=40), generator.uniform(size=40) + 0.1
    found = compare_distances(mine, other)
    expected = stats.ttest_rel(other, mine)
    assert found["p_value"] == pytest.approx(expected.pvalue)
    interval = expected.confidence_interval()
    assert found["interval"] == pytest.approx([interval.low, interval.high])
    assert found["wins"] + found["losses"] == 40


@pytest.mark.parametrize("rows", [[1.0], [1.0, 1.0]])
def test_distances_without_spread(rows):
    found = compare_distances(rows, rows)
    assert found["p_value"] == 1
    if len(rows) > 1:
        assert found["interval"] == [0, 0]


def test_a_gain_on_every_row_alike_is_no_chance():
    found = compare_distances([1.0] * 50, [2.0] * 50)
    assert found["p_value"] == 0 and found["interval"] == [1, 1]


def test_one_row_says_nothing_of_others():
    found = compare_distances([1.0], [2.0])
    assert found["p_value"] == 1 and found["interval"] == [-math.inf, math.inf]


@pytest.mark.parametrize("compare", [compare_mistakes, compare_distances])
def test_other_rows_are_refused(compare):
    with pytest.raises(ValueError, match=r"Received: \(2,\) and \(3,\) rows"):
        compare([0, 1], [0, 1, 0])
    with pytest.raises(ValueError, match="one or more"):
        compare([], [])
