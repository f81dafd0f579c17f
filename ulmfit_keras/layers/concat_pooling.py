"""One vector for a whole text."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("ulmfit_keras")
class ConcatPooling(keras.layers.Layer):
    """Joins the last, the largest and the mean value over the valid steps.

    Source: Howard & Ruder 2018, section 3.3: h_c = [h_T, maxpool(H),
    meanpool(H)]. A row without a valid step gives zeros.

    Call arguments:
        x: (B, T, F).
        padding_mask: (B, T), true (or not 0) at the valid steps. Defaults to
            None: those of the mask that Keras hands on from layer to layer,
            or else all.

    Output shape:
        (B, 3F).

    Raises:
        ValueError: if `x` is not (B, T, F).

    Example:

    ```python
    pooled = ConcatPooling()(x, padding_mask)
    ```
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.input_spec = keras.layers.InputSpec(ndim=3)
        self.supports_masking = True

    def call(self, x, padding_mask=None, mask=None):
        if x.shape[1] == 0:
            return ops.zeros((ops.shape(x)[0], 3 * x.shape[2]), x.dtype)
        if padding_mask is None:
            padding_mask = mask
        if padding_mask is None:
            padding_mask = ops.ones(ops.shape(x)[:2], "bool")
        valid = ops.cast(padding_mask, "bool")
        positions = ops.where(valid, ops.arange(ops.shape(x)[1]), 0)
        last_position = ops.max(positions, axis=1)[:, None, None]
        valid = valid[:, :, None]
        x = ops.where(valid, x, 0)
        last = ops.take_along_axis(x, last_position, axis=1)[:, 0]
        largest = ops.max(ops.where(valid, x, -float("inf")), axis=1)
        largest = ops.where(ops.any(valid, axis=1), largest, 0)
        # Summed in float32: a long text overflows float16 and drowns in
        # bfloat16.
        count = ops.sum(ops.cast(valid, "float32"), axis=1)
        mean = ops.sum(ops.cast(x, "float32"), axis=1)
        mean = ops.cast(mean / ops.maximum(count, 1), x.dtype)
        return ops.concatenate([last, largest, mean], axis=-1)

    # Keras serializes a `dtype` that is a policy only where this is defined.
    def get_config(self):
        return super().get_config()

    def compute_mask(self, *args, **kwargs):
        return None  # no steps are left

    def compute_output_spec(self, x, padding_mask=None, mask=None):
        return keras.KerasTensor((x.shape[0], 3 * x.shape[2]), x.dtype)
