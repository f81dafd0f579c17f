"""A place in a model where the gradient can be stopped."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("ulmfit_keras")
class GradientBoundary(keras.layers.Layer):
    """Passes its input on, and the gradient back only while it is open.

    While all layers beneath are frozen (gradual unfreezing, Howard & Ruder
    2018, section 3.3), a closed boundary saves their backward pass. Set the
    attribute `closed` and have the training function traced anew; a boundary
    always starts open and its position is not saved.

    Args:
        groups_below: number of the optimizer's groups beneath, or, for one
            of an `AWDLSTMBackbone`, of its layers with weights, which may be
            grouped in any way; 1 right above the embedding.

    Input shape:
        Any.

    Output shape:
        As the input.

    Raises:
        ValueError: if `groups_below` is below 1.

    Example:

    ```python
    boundary = GradientBoundary(groups_below=1)
    x = boundary(x)
    boundary.closed = True
    ```
    """

    def __init__(self, groups_below, **kwargs):
        super().__init__(**kwargs)
        if groups_below < 1:
            raise ValueError(
                "A boundary stands above at least one layer group. Received: "
                f"groups_below={groups_below}"
            )
        self.groups_below = groups_below
        self.closed = False
        self.supports_masking = True
        self.built = True

    def call(self, x):
        return ops.stop_gradient(x) if self.closed else x

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "groups_below": self.groups_below}
