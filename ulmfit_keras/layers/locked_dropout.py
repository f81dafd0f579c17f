"""Dropout whose mask is locked over the steps of a sequence."""

import keras
from keras import ops

from ulmfit_keras.layers.dropout_rate import check_rate


@keras.saving.register_keras_serializable("ulmfit_keras")
class LockedDropout(keras.layers.Layer):
    """Drops the same features at every step of a sequence.

    Source: variational dropout, Gal & Ghahramani 2016, as used in Merity et
    al. 2017, section 4.1. Kept features are scaled by 1 / (1 - rate). Unlike
    in `keras.layers.SpatialDropout1D`, whose mask it shares, `rate` may be
    changed at any time before a function is traced, from 0 too.

    Args:
        rate: share of the features to drop, at least 0 and below 1.
        seed: integer seed of the masks. Defaults to None.

    Input shape:
        (B, T, F); a new mask (B, 1, F) each call.

    Output shape:
        (B, T, F).

    Raises:
        ValueError: if `rate` is outside its range, or the input not (B, T, F).

    Example:

    ```python
    dropped = LockedDropout(0.3)(x, training=True)
    ```
    """

    def __init__(self, rate, seed=None, **kwargs):
        super().__init__(**kwargs)
        check_rate("rate", rate)
        self.rate = rate
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.input_spec = keras.layers.InputSpec(ndim=3)
        self.supports_masking = True
        self.built = True

    def call(self, x, training=False):
        if not training or self.rate == 0:
            return x
        # In float32, since TensorFlow draws in the dtype of the argument:
        # asked for 5 %, it drops 5.5 % in bfloat16.
        shape = ops.shape(x)
        mask = keras.random.dropout(
            ops.ones((shape[0], 1, shape[2]), "float32"),
            self.rate,
            seed=self.seed_generator,
        )
        return x * ops.cast(mask, x.dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "rate": self.rate,
            "seed": self.seed,
        }
