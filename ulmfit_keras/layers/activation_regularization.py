"""Activation regularization and its temporal kin."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("ulmfit_keras")
class ActivationRegularization(keras.layers.Layer):
    """Adds a loss for large (AR) and for restless (TAR) activations.

    Source: Merity et al. 2017, section 4.6, and their code: AR is
    alpha * mean(dropped^2), TAR is beta * mean((raw[t+1] - raw[t])^2).
    Computed in float32, on training only; padded steps and pairs with a
    padded step do not count. A term of weight 0 adds no loss.

    Args:
        alpha: weight of AR. Defaults to 2.
        beta: weight of TAR. Defaults to 1.

    Call arguments:
        dropped: (B, T, F), the last layer's outputs after dropout.
        raw: (B, T, F), the same before dropout.
        padding_mask: (B, T), true (or not 0) at the valid steps. Defaults to
            None: all steps are valid.
        training: adds the loss only if True. Defaults to False.

    Output shape:
        (B, T, F): `dropped`, unchanged.

    Example:

    ```python
    x = ActivationRegularization()(dropped, raw, training=True)
    ```
    """

    def __init__(self, alpha=2.0, beta=1.0, **kwargs):
        super().__init__(**kwargs)
        self.alpha = alpha
        self.beta = beta
        self.supports_masking = True
        self.built = True

    def call(self, dropped, raw, padding_mask=None, training=False):
        if training:
            if padding_mask is None:
                padding_mask = ops.ones(ops.shape(raw)[:2])
            valid = ops.cast(ops.cast(padding_mask, "bool"), "float32")
            # No backend leaves out a term whose weight is 0.
            if self.alpha:
                self.add_loss(self.alpha * masked_mean_square(dropped, valid))
            if self.beta:
                steps = ops.cast(raw, "float32")
                change = steps[:, 1:] - steps[:, :-1]
                pairs = valid[:, 1:] * valid[:, :-1]
                self.add_loss(self.beta * masked_mean_square(change, pairs))
        return dropped

    def compute_output_spec(
        self, dropped, raw, padding_mask=None, training=False
    ):
        return keras.KerasTensor(dropped.shape, dropped.dtype)

    def compute_mask(self, dropped, previous_mask=None):
        return previous_mask

    def get_config(self):
        return {
            **super().get_config(),
            "alpha": self.alpha,
            "beta": self.beta,
        }


def masked_mean_square(x, mask):
    """Mean of x^2 (B, T, F) over the steps where mask (B, T) is 1, or 0."""
    squares = ops.square(ops.cast(x, "float32")) * mask[:, :, None]
    count = ops.maximum(ops.sum(mask), 1.0) * x.shape[-1]
    return ops.sum(squares) / count
