"""Scores shifted so that each class gets the share of texts it is known for."""

import numpy as np

MOST_ROUNDS = 100


def match_shares(scores, shares):
    """Shift scores so that argmax gives each class its share of the texts.

    One number is added to each column, so how texts rank within a class stays
    as it was. Of all ways to give classes these shares, argmax of the result
    is the one with the highest sum of scores. For `zero_shot_scores` of
    classes that are not equally frequent: a few labels tell how frequent they
    are.

    Source: the transportation problem, solved by its dual prices, one after the
    other (Bertsekas 1998, Network Optimization).

    Args:
        scores: array (N, C), higher for likelier classes.
        shares: C numbers above 0, in proportion to how many texts each class
            has; such as counts of labels.

    Returns:
        Array (N, C) of the dtype of `scores`, float64 for whole numbers.
        Counts of argmax are as wanted but for rounding, and for texts that
        have the same scores.

    Raises:
        ValueError: if shares are not one for each column, or not above 0.

    Example:

    >>> scores = np.array([[0.1, 0.0], [0.4, 0.0], [0.0, 0.3], [0.2, 0.0]])
    >>> match_shares(scores, [1, 3]).argmax(axis=1).tolist()
    [1, 0, 1, 1]
    """
    scores, shares = np.asarray(scores), np.asarray(shares, "float64")
    if shares.shape != scores.shape[1:] or not (shares > 0).all():
        raise ValueError(
            "`shares` must be a number above 0 for each column of `scores`, "
            f"which has the shape {scores.shape}. Received: shares={shares}"
        )
    ends = np.rint(np.cumsum(shares) / shares.sum() * len(scores))
    counts = np.diff(ends.astype(int), prepend=0)
    shifted = scores.astype("float64")
    for _ in range(MOST_ROUNDS):
        found = np.bincount(shifted.argmax(axis=1), minlength=len(counts))
        if (found == counts).all():
            break
        for column, count in enumerate(counts):
            others = np.delete(shifted, column, axis=1).max(axis=1)
            leads = np.sort(shifted[:, column] - others)[::-1]
            # Between the last text that is to be the class' and the next.
            leads = [leads[0] + 1.0, *leads, leads[-1] - 1.0]
            shifted[:, column] -= (leads[count] + leads[count + 1]) / 2
    is_float = np.issubdtype(scores.dtype, np.floating)
    return shifted.astype(scores.dtype) if is_float else shifted
