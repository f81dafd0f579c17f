"""Perplexity that does not depend on how the text was cut into batches."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("ulmfit_keras")
class Perplexity(keras.metrics.Metric):
    """The exponential of the mean loss of all tokens seen.

    Batches count by their tokens, so padded and short ones do not distort
    the mean. NaN until a token was counted.

    Args:
        name: of the metric. Defaults to `"perplexity"`.
        dtype: in which losses and tokens are added up. Defaults to
            `"float32"`.

    Example:

    >>> import math
    >>> metric = Perplexity()
    >>> metric.update_state(total_loss=3 * math.log(8), num_tokens=3)
    >>> round(float(metric.result()), 3)
    8.0
    """

    def __init__(self, name="perplexity", dtype="float32"):
        super().__init__(name=name, dtype=dtype)
        self.total_loss = self.add_weight(
            initializer="zeros", name="total_loss"
        )
        self.num_tokens = self.add_weight(
            initializer="zeros", name="num_tokens"
        )

    def update_state(self, total_loss, num_tokens):
        """Count tokens.

        Args:
            total_loss: sum of their losses in nats, scalar.
            num_tokens: how many they are, scalar.
        """
        self.total_loss.assign_add(ops.cast(total_loss, self.dtype))
        self.num_tokens.assign_add(ops.cast(num_tokens, self.dtype))

    def result(self):
        counted = ops.maximum(self.num_tokens, 1.0)
        return ops.where(
            self.num_tokens > 0,
            ops.exp(self.total_loss / counted),
            float("nan"),
        )
