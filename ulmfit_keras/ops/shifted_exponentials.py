"""What softmax and log-sum-exp over many words are made of."""

import functools

import keras
from keras import ops


def shifted_exponentials(scores, offsets, left_out=None):
    """exp(scores + offsets - their maximum), without under- or overflow.

    Args:
        scores: float tensor, (tokens, words).
        offsets: float32 (words,).
        left_out: bool (tokens, words), which scores shall not count. Defaults
            to None, all count.

    Returns:
        (exponentials, sums, maxima): (tokens, words), in the dtype of
        `scores`; float32 (tokens, 1), twice. Computed in float32.
    """
    return _program()(scores, offsets, left_out)


@functools.cache
def _program():
    """How it is computed: on TensorFlow compiled by XLA.

    TensorFlow else writes and reads an array of all scores for each operation,
    which takes twice as long. XLA compiles all of JAX's programs.
    """
    if keras.backend.backend() != "tensorflow":
        return _shifted_exponentials
    import tensorflow as tf

    return tf.function(_shifted_exponentials, jit_compile=True)


def _shifted_exponentials(scores, offsets, left_out):
    dtype = scores.dtype
    scores = ops.cast(scores, "float32") + offsets
    if left_out is not None:
        scores = ops.where(left_out, -1e9, scores)
    maxima = ops.max(scores, axis=-1, keepdims=True)
    p = ops.exp(scores - maxima)
    return ops.cast(p, dtype), ops.sum(p, axis=-1, keepdims=True), maxima
