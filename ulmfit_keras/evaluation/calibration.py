"""Does a stated probability come true as often as it says?"""

import numpy as np


def calibration(confidence, correct, bins=15):
    """Expected calibration error with the bins it is made of.

    The error is the mean distance between stated and observed frequency,
    weighted by the rows of each bin (Guo et al. 2017, "On calibration of
    modern neural networks", equation 3).

    Args:
        confidence: float [N], stated probabilities in 0…1.
        correct: bool [N], whether that which was stated came true.
        bins: number of equally wide bins. Defaults to 15, as in the paper.

    Returns:
        A dict: `ece` and `bins`, a list of `low` (exclusive but for 0),
        `high` (inclusive), `count`, and `confidence` and `accuracy`, the
        means of the bin, None for an empty one.

    Example:

    >>> calibration([0.9, 0.7], [True, False])["ece"]
    0.4
    """
    confidence = np.asarray(confidence, "float64")
    correct = np.asarray(correct, "float64")
    edges = np.linspace(0.0, 1.0, bins + 1)
    index = np.clip(np.searchsorted(edges, confidence) - 1, 0, bins - 1)
    count = np.bincount(index, minlength=bins)
    stated = np.bincount(index, confidence, bins)
    observed = np.bincount(index, correct, bins)
    table = [
        {
            "low": float(edges[i]),
            "high": float(edges[i + 1]),
            "count": int(count[i]),
            "confidence": float(stated[i] / count[i]) if count[i] else None,
            "accuracy": float(observed[i] / count[i]) if count[i] else None,
        }
        for i in range(bins)
    ]
    error = np.abs(stated - observed).sum() / max(len(confidence), 1)
    return {"ece": round(float(error), 12), "bins": table}


def coverage(confidence, correct, thresholds=(0.5, 0.7, 0.8, 0.9, 0.95, 0.99)):
    """What remains, and how wrong it is, if unsure predictions are left out.

    Args:
        confidence: float [N], stated probabilities in 0…1.
        correct: bool [N].
        thresholds: smallest confidences to keep.

    Returns:
        A list of dicts: `threshold`, `kept` (share of the rows), `error`
        (share of the kept rows that are wrong, None where none is kept).

    Example:

    >>> coverage([0.9, 0.6], [True, False], thresholds=[0.8])
    [{'threshold': 0.8, 'kept': 0.5, 'error': 0.0}]
    """
    confidence = np.asarray(confidence, "float64")
    correct = np.asarray(correct, bool)
    table = []
    for threshold in thresholds:
        kept = confidence >= threshold
        table.append(
            {
                "threshold": float(threshold),
                "kept": float(kept.mean()),
                "error": float(1 - correct[kept].mean())
                if kept.any()
                else None,
            }
        )
    return table
