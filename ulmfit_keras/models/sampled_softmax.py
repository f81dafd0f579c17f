"""A cheap training loss over a large vocabulary."""

import math

import keras
from keras import ops


def sampled_softmax_loss(
    hidden, targets, embeddings, bias, num_sampled, seed=None
):
    """Cross-entropy against the target and a sample of other words.

    Words are drawn with replacement from the log-uniform distribution
    P(k) = log((k + 2) / (k + 1)) / log(V + 1), which fits a vocabulary sorted
    by falling frequency, and each logit is lowered by the log of how often
    its word is expected in the sample (Jean et al. 2015, section 3; Bengio
    and Senecal 2008), so that the loss estimates the full softmax.

    Args:
        hidden: float tensor, (tokens, features).
        targets: int tensor, (tokens,).
        embeddings: output word vectors, (vocabulary, features), sorted by
            falling word frequency.
        bias: float tensor, (vocabulary,).
        num_sampled: number of words to draw, shared by all tokens.
        seed: int or `keras.random.SeedGenerator`.

    Returns:
        The loss of each token, float32 (tokens,).

    Example:

    ```python
    loss = sampled_softmax_loss(hidden, targets, matrix, bias, 2048)
    ```
    """
    hidden, embeddings, bias = map(
        ops.convert_to_tensor, (hidden, embeddings, bias)
    )
    vocabulary_size = embeddings.shape[0]
    log_range = math.log(vocabulary_size + 1)
    draws = keras.random.uniform((num_sampled,), seed=seed, dtype="float32")
    sampled = ops.cast(ops.exp(draws * log_range), "int32") - 1
    sampled = ops.clip(sampled, 0, vocabulary_size - 1)

    def log_expected_count(words):
        rank = ops.cast(words, "float32")
        probability = ops.log((rank + 2.0) / (rank + 1.0)) / log_range
        return ops.log(probability * num_sampled)

    def logits_of(words, scores):
        scores = ops.cast(scores, "float32")
        scores = scores + ops.cast(ops.take(bias, words), "float32")
        return scores - log_expected_count(words)

    sampled_rows = ops.cast(ops.take(embeddings, sampled, axis=0), hidden.dtype)
    target_rows = ops.cast(ops.take(embeddings, targets, axis=0), hidden.dtype)
    sampled_logits = logits_of(
        sampled, ops.matmul(hidden, ops.transpose(sampled_rows))
    )
    hits = ops.equal(targets[:, None], sampled[None, :])
    sampled_logits = ops.where(hits, -1e9, sampled_logits)
    target_logits = logits_of(targets, ops.sum(hidden * target_rows, axis=-1))
    all_logits = ops.concatenate(
        [target_logits[:, None], sampled_logits], axis=-1
    )
    return ops.logsumexp(all_logits, axis=-1) - target_logits
