"""A cheap training loss over a large vocabulary."""

import math

import keras
from keras import ops

from ulmfit_keras.ops.shifted_exponentials import shifted_exponentials


def sampled_softmax_loss(
    hidden, targets, embeddings, bias, num_sampled, seed=None
):
    """Cross-entropy against the target, frequent words and a sample of others.

    Half of the words are always the most frequent ones, H of them. The
    others are drawn with replacement from a log-uniform distribution over
    the rest, P(k) = log((k + 2) / (k + 1)) / log((V + 1) / (H + 1)), which
    fits a vocabulary sorted by falling frequency. The logit of such a word,
    be it target or drawn, is lowered by the log of how often it is expected
    in the sample (Jean et al. 2015, section 3; Bengio and Senecal 2008), so
    that the loss has its minimum where that of the full softmax has it. This
    holds only where less than one is expected, hence the fixed half.

    Args:
        hidden: float tensor, (tokens, features).
        targets: int tensor, (tokens,).
        embeddings: output word vectors, (vocabulary, features), sorted by
            falling word frequency.
        bias: float tensor, (vocabulary,).
        num_sampled: number of words, drawn or always there, shared by all
            tokens; at most half of the vocabulary.
        seed: int or `keras.random.SeedGenerator`.

    Returns:
        The loss of each token, float32 (tokens,).

    Raises:
        ValueError: if num_sampled is more than half of the vocabulary.

    Example:

    ```python
    loss = sampled_softmax_loss(hidden, targets, matrix, bias, 2048)
    ```
    """
    hidden, embeddings, bias = map(
        ops.convert_to_tensor, (hidden, embeddings, bias)
    )
    vocabulary_size = embeddings.shape[0]
    if 2 * num_sampled > vocabulary_size:
        raise ValueError(
            "num_sampled must be at most half of the vocabulary; beyond, the "
            "exact softmax costs little more. "
            f"Received: num_sampled={num_sampled}, {vocabulary_size} words"
        )
    frequent = num_sampled // 2
    num_drawn = num_sampled - frequent
    log_range = math.log((vocabulary_size + 1) / (frequent + 1))
    draws = keras.random.uniform((num_drawn,), seed=seed, dtype="float32")
    drawn = ops.cast((frequent + 1) * ops.exp(draws * log_range), "int32") - 1
    drawn = ops.clip(drawn, frequent, vocabulary_size - 1)
    sampled = ops.concatenate([ops.arange(frequent, dtype="int32"), drawn])

    def log_expected_count(words):
        rank = ops.cast(words, "float32")
        share = ops.log((rank + 2.0) / (rank + 1.0)) / log_range
        return ops.where(words < frequent, 0.0, ops.log(share * num_drawn))

    def offsets_of(words):
        return ops.cast(ops.take(bias, words), "float32") - log_expected_count(
            words
        )

    sampled_rows = ops.cast(ops.take(embeddings, sampled, axis=0), hidden.dtype)
    target_rows = ops.cast(ops.take(embeddings, targets, axis=0), hidden.dtype)
    hits = ops.equal(targets[:, None], sampled[None, :])
    others = log_sum_exp_scores(hidden, sampled_rows, offsets_of(sampled), hits)
    target_scores = ops.sum(hidden * target_rows, axis=-1)
    target_logits = ops.cast(target_scores, "float32") + offsets_of(targets)
    # log(exp(target) + exp(others)) - target
    return ops.softplus(others - target_logits)


def log_sum_exp_scores(hidden, rows, offsets, left_out):
    """Log of the sum of exp(hidden @ rows^T + offsets) over the rows.

    The gradient by the scores is never made: exp(scores) goes into its
    products as it is, and the sums divide their smaller factors.

    Args:
        hidden: float tensor, (tokens, features).
        rows: (words, features), of the same dtype.
        offsets: float32 (words,).
        left_out: bool (tokens, words), the scores that shall not count.

    Returns:
        float32 (tokens,).
    """

    @ops.custom_gradient
    def value(hidden, rows, offsets):
        scores = ops.matmul(hidden, ops.transpose(rows))
        p, sums, maxima = shifted_exponentials(scores, offsets, left_out)

        def gradient(*arguments, upstream=None):
            upstream = arguments[-1] if upstream is None else upstream
            scale = ops.cast(upstream[:, None] / sums, hidden.dtype)
            d_rows = ops.matmul(ops.transpose(p), hidden * scale)
            d_offsets = ops.matmul(ops.transpose(scale), p)[0]
            return (
                ops.matmul(p, rows) * scale,
                d_rows,
                ops.cast(d_offsets, "float32"),
            )

        return (ops.log(sums) + maxima)[:, 0], gradient

    return value(hidden, rows, offsets)
