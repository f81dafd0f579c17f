"""The learning rate of AWD-LSTM for windows of random length."""

import math

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("ulmfit_keras")
class LengthScaled(keras.optimizers.schedules.LearningRateSchedule):
    """Scale a learning rate by the length of the window it is used on.

    lr(t) = base(t) * length(t) / base_length (Merity et al. 2017, section
    5), so that tokens of short windows do not weigh more than others.

    Args:
        base: float or `LearningRateSchedule`.
        lengths: window length of every step, as `TokenStream.lengths`, at
            least one. After the last step its length remains.
        base_length: the length at which the rate is `base`, above 0.

    Raises:
        ValueError: if there are no lengths, or one is not above 0.

    Example:

    >>> schedule = LengthScaled(0.1, lengths=[70, 35], base_length=70)
    >>> float(schedule(1))
    0.05...
    """

    def __init__(self, base, lengths, base_length):
        super().__init__()
        self.base = base
        self.lengths = [int(length) for length in lengths]
        self.base_length = base_length
        if not self.lengths or min(self.lengths) < 1:
            raise ValueError(
                "`lengths` must be the length of each step's window, at least "
                "1, of at least one step. "
                f"Received: {len(self.lengths)} lengths, the shortest "
                f"{min(self.lengths, default=None)}"
            )
        if not 0 < base_length < math.inf:
            raise ValueError(
                "`base_length`, the length at which the rate is `base`, must "
                f"be above 0. Received: base_length={base_length}"
            )
        self._scale = np.asarray(self.lengths, "float32") / base_length

    def __call__(self, step):
        base = self.base(step) if callable(self.base) else self.base
        last = len(self.lengths) - 1
        index = ops.minimum(ops.cast(step, "int32"), last)
        return base * ops.take(ops.convert_to_tensor(self._scale), index)

    def get_config(self):
        return {
            "base": keras.saving.serialize_keras_object(self.base),
            "lengths": self.lengths,
            "base_length": self.base_length,
        }

    @classmethod
    def from_config(cls, config):
        base = keras.saving.deserialize_keras_object(config["base"])
        return cls(**{**config, "base": base})
