"""The exact loss over a large vocabulary in little memory."""

import keras
from keras import ops

from ulmfit_keras.layers.sizes import check_at_least
from ulmfit_keras.ops.shifted_exponentials import shifted_exponentials

# 128 MiB in float32: a chunk large enough for fast products.
_LOGITS_AT_A_TIME = 2**25


def default_chunk_size(vocabulary_size):
    """Tokens in a chunk, so that its memory is the same for any vocabulary."""
    return max(1, _LOGITS_AT_A_TIME // vocabulary_size)


def chunked_cross_entropy(
    hidden, targets, weights, embeddings, bias, chunk_size, training=True
):
    """Weighted sum of cross-entropies, without the logits of all tokens.

    The tokens are taken `chunk_size` at a time: the logits of a chunk, their
    softmax and, in training, their part of all gradients are computed and
    forgotten. Memory so depends on `chunk_size` times the vocabulary, not on
    the number of tokens. It is the weighted sum, and not one loss for each
    token, because its gradient is then known up to a factor in the forward
    pass, and no product is computed twice.

    Args:
        hidden: float tensor, (tokens, features).
        targets: int tensor, (tokens,).
        weights: float tensor, (tokens,), how much each token counts. Its
            gradient is zero.
        embeddings: output word vectors, (vocabulary, features).
        bias: float tensor, (vocabulary,).
        chunk_size: int from 1, tokens in a chunk at most.
        training: bool, whether a gradient will be asked for. Defaults to
            True.

    Returns:
        The sum over tokens of weight times cross-entropy in nats, a float32
        scalar.

    Raises:
        ValueError: if `chunk_size` is below 1.

    Example:

    ```python
    total = chunked_cross_entropy(hidden, targets, mask, matrix, bias, 512)
    loss = total / ops.sum(mask)
    ```
    """
    check_at_least(1, chunk_size=chunk_size)
    if hidden.shape[0] == 0:
        # Nothing to cut up. A sum, since it has a gradient.
        return ops.sum(ops.cast(hidden, "float32"))
    # Copies, since TensorFlow wants no variables in a custom gradient where it
    # runs without a graph.
    hidden, embeddings, bias = (
        ops.copy(ops.convert_to_tensor(x)) for x in (hidden, embeddings, bias)
    )
    targets = ops.cast(targets, "int32")
    weights = ops.stop_gradient(ops.cast(weights, "float32"))
    chunks = Chunks(targets, weights, chunk_size)
    if not training:
        return chunks.total(hidden, embeddings, bias)

    @ops.custom_gradient
    def loss(hidden, embeddings, bias):
        total, *gradients = chunks.total_and_gradients(hidden, embeddings, bias)

        def gradient(*arguments, upstream=None):
            scale = arguments[-1] if upstream is None else upstream
            return tuple(
                ops.cast(ops.cast(scale, "float32") * g, like.dtype)
                for g, like in zip(
                    gradients, (hidden, embeddings, bias), strict=True
                )
            )

        return total, gradient

    return loss(hidden, embeddings, bias)


def in_turn(number, step, carried):
    """`keras.ops.fori_loop` that never works on two turns at a time.

    TensorFlow's loop begins up to ten turns at once, and then holds the
    memory of ten.
    """
    if keras.backend.backend() != "tensorflow":
        return ops.fori_loop(0, number, step, carried)
    import tensorflow as tf

    return tf.while_loop(
        lambda index, _: index < number,
        lambda index, carried: (index + 1, step(index, carried)),
        (0, carried),
        parallel_iterations=1,
    )[1]


class Chunks:
    """The tokens of a batch, some at a time.

    Args:
        targets: int32 (tokens,).
        weights: float32 (tokens,).
        size: int, tokens in a chunk at most.
    """

    def __init__(self, targets, weights, size):
        self.num_tokens = ops.shape(targets)[0]
        self.number = -(-self.num_tokens // size)
        # All chunks of about one size, so that little is padded.
        self.size = -(-self.num_tokens // self.number)
        self.targets = self.padded(targets)
        # Tokens that fill up the last chunk count nothing.
        self.weights = self.padded(weights)

    def padded(self, values):
        rest = self.number * self.size - self.num_tokens
        return ops.pad(values, [[0, rest]] + [[0, 0]] * (values.ndim - 1))

    def take(self, values, index):
        start = [index * self.size] + [0] * (values.ndim - 1)
        return ops.slice(values, start, (self.size, *values.shape[1:]))

    def probabilities(self, hidden, embeddings, bias, index):
        """Softmax of a chunk, not yet divided by its sums, and its losses.

        Returns:
            exp(logits - their maximum), (size, vocabulary), of the dtype of
            `hidden`; its sums over words, float32 (size, 1); the weighted sum
            of the losses.
        """
        logits = ops.matmul(hidden, ops.transpose(embeddings))
        bias = ops.cast(bias, "float32")
        targets = self.take(self.targets, index)
        own = ops.take_along_axis(logits, targets[:, None], axis=-1)[:, 0]
        own = ops.cast(own, "float32") + ops.take(bias, targets)
        p, sums, maxima = shifted_exponentials(logits, bias)
        losses = ops.log(sums[:, 0]) + maxima[:, 0] - own
        return p, sums, ops.sum(losses * self.take(self.weights, index))

    def total(self, hidden, embeddings, bias):
        hidden = self.padded(hidden)
        embeddings = ops.cast(embeddings, hidden.dtype)

        def add(index, total):
            part = self.take(hidden, index)
            _, _, loss = self.probabilities(part, embeddings, bias, index)
            return total + loss

        return in_turn(self.number, add, ops.zeros((), "float32"))

    def total_and_gradients(self, hidden, embeddings, bias):
        """The loss and its gradients by hidden, embeddings and bias.

        The gradient by the logits, weight * (softmax - one_hot(target)), is
        never made: a product with the first term divides by the sums where
        that is cheapest, and the second term is a sum over tokens, taken for
        all chunks at once.
        """
        num_tokens, dtype = self.num_tokens, hidden.dtype
        words, features = embeddings.shape
        hidden = self.padded(hidden)
        matrix = ops.cast(embeddings, dtype)

        def add(index, carried):
            total, d_hidden, d_weights = carried
            part = self.take(hidden, index)
            p, sums, loss = self.probabilities(part, matrix, bias, index)
            scale = self.take(self.weights, index)[:, None] / sums
            d_part = ops.cast(ops.matmul(p, matrix), "float32") * scale
            d_hidden = ops.slice_update(
                d_hidden, (index * self.size, 0), d_part
            )
            # The bias is the weight of a one.
            scaled = ops.concatenate(
                [ops.cast(part, "float32") * scale, scale], axis=1
            )
            d_weights = d_weights + ops.cast(
                ops.matmul(ops.transpose(p), ops.cast(scaled, dtype)), "float32"
            )
            return total + loss, d_hidden, d_weights

        total, d_hidden, d_weights = in_turn(
            self.number,
            add,
            (
                ops.zeros((), "float32"),
                ops.zeros(ops.shape(hidden), "float32"),
                ops.zeros((words, features + 1), "float32"),
            ),
        )
        d_embeddings, d_bias = d_weights[:, :features], d_weights[:, features]
        own = ops.take(ops.cast(embeddings, "float32"), self.targets, axis=0)
        d_hidden = d_hidden - own * self.weights[:, None]
        weighted = ops.cast(hidden, "float32") * self.weights[:, None]
        d_embeddings -= ops.segment_sum(weighted, self.targets, words)
        d_bias -= ops.segment_sum(self.weights, self.targets, words)
        return total, d_hidden[:num_tokens], d_embeddings, d_bias
