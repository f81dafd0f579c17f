"""How sure can one be of an error rate, and of one being lower than another?"""

import math

import numpy as np

# Two-sided 95 %.
_Z = 1.959963984540054


def wilson_interval(count, rows):
    """The 95 % interval of a share, right for small counts too.

    Args:
        count: rows that have the property.
        rows: all rows, 1 or more.

    Returns:
        (low, high), shares in 0…1.

    Source: Wilson 1927, the score interval without continuity correction.

    Example:

    >>> wilson_interval(0, 10)
    (0.0, 0.277...)
    """
    share, z2 = count / rows, _Z**2
    middle = (share + z2 / (2 * rows)) / (1 + z2 / rows)
    spread = share * (1 - share) / rows + z2 / (4 * rows**2)
    half = _Z * math.sqrt(spread) / (1 + z2 / rows)
    # A share of 0 or 1 is an end itself, whatever rounding says.
    return (
        max(0.0, min(share, middle - half)),
        min(1.0, max(share, middle + half)),
    )


def sign_test(wins, losses):
    """Exact two-sided probability of so uneven a split by pure chance.

    On the rows of which exactly one of two classifiers is right, this is the
    exact form of McNemar's test (McNemar 1947).

    Args:
        wins: rows on which the first is better.
        losses: rows on which the second is better.

    Returns:
        A float in 0…1; 1 where the two never differ.
    """
    from scipy.stats import binomtest

    if wins + losses == 0:
        return 1.0
    return float(binomtest(wins, wins + losses).pvalue)


def compare_mistakes(wrong, baseline_wrong):
    """Compare two classifiers on the same rows.

    Args:
        wrong: bool [N], the rows that the model gets wrong.
        baseline_wrong: bool [N], those that the baseline gets wrong.

    Returns:
        A dict: `error` and `baseline_error` (shares), `difference` (baseline
        minus model: positive where the model is better), `interval` (95 %, of
        the difference: Agresti and Min 2005, a half row added to each
        of the four outcomes), `wins`, `losses` (rows where only the model,
        only the baseline is right), `both_wrong`, and `p_value` (exact
        McNemar test).

    Raises:
        ValueError: if the two do not have the same rows.

    Example:

    >>> compare_mistakes([False, False], [True, False])["difference"]
    0.5
    """
    wrong = np.asarray(wrong, bool)
    baseline_wrong = np.asarray(baseline_wrong, bool)
    _check_same_rows(wrong, baseline_wrong)
    wins = int((baseline_wrong & ~wrong).sum())
    losses = int((wrong & ~baseline_wrong).sum())
    rows = len(wrong)
    discordant = (wins + losses + 1) / (rows + 2)
    shift = (wins - losses) / (rows + 2)
    half = _Z * math.sqrt((discordant - shift**2) / (rows + 2))
    return {
        "error": float(wrong.mean()),
        "baseline_error": float(baseline_wrong.mean()),
        "difference": (wins - losses) / rows,
        "interval": [max(-1.0, shift - half), min(1.0, shift + half)],
        "wins": wins,
        "losses": losses,
        "both_wrong": int((wrong & baseline_wrong).sum()),
        "p_value": sign_test(wins, losses),
    }


def compare_distances(distance, baseline_distance):
    """Compare two regressors on the same rows.

    Args:
        distance: float [N], the model's absolute errors.
        baseline_distance: float [N], the baseline's.

    Returns:
        A dict with the keys of `compare_mistakes`, less `both_wrong`: errors
        are mean distances, a win is a row on which the model is closer,
        interval and p-value are those of Student's paired t-test (of one
        row the interval is unbounded).

    Raises:
        ValueError: if the two do not have the same rows.

    Example:

    >>> compare_distances([1.0, 2.0], [2.0, 4.0])["difference"]
    1.5
    """
    from scipy.stats import t as student

    distance = np.asarray(distance, "float64")
    baseline_distance = np.asarray(baseline_distance, "float64")
    _check_same_rows(distance, baseline_distance)
    gain = baseline_distance - distance
    mean, spread, freedom = float(gain.mean()), 0.0, max(len(gain) - 1, 1)
    if len(gain) > 1:
        spread = float(gain.std(ddof=1)) / math.sqrt(len(gain))
    half = float(student.ppf(0.975, freedom)) * spread
    if spread:
        p_value = 2 * float(student.sf(abs(mean) / spread, freedom))
    elif len(gain) == 1:  # which tells nothing of others
        half, p_value = math.inf, 1.0
    else:
        p_value = 0.0 if mean else 1.0
    return {
        "error": float(distance.mean()),
        "baseline_error": float(baseline_distance.mean()),
        "difference": mean,
        "interval": [mean - half, mean + half],
        "wins": int((gain > 0).sum()),
        "losses": int((gain < 0).sum()),
        "p_value": p_value,
    }


def _check_same_rows(first, second):
    if first.shape != second.shape or first.ndim != 1 or not len(first):
        raise ValueError(
            "Two models can only be compared on the same, one or more, rows. "
            f"Received: {first.shape} and {second.shape} rows"
        )
