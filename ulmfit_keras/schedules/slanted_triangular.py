"""The slanted triangular learning rate: a short rise, a long fall."""

import math
import numbers

import keras
from keras import ops


@keras.saving.register_keras_serializable("ulmfit_keras")
class SlantedTriangular(keras.optimizers.schedules.LearningRateSchedule):
    """Learning rate that rises linearly to a peak and falls linearly from it.

    With `cut = floor(total_steps * cut_fraction)`, at step t

        p  = t / cut                                        if t < cut
        p  = 1 - (t - cut) / (cut * (1 / cut_fraction - 1)) otherwise
        lr = peak * (1 + p * (ratio - 1)) / ratio

    (Howard & Ruder 2018, arXiv:1801.06146, section 3.2, equation 3.) The
    formula has two holes, which are closed here: p never falls below 0, where
    the rounding of `cut` would carry it and the rate below zero; and where
    `cut` rounds to 0, which divides by zero, the peak is reached at the
    second step and the fall ends with the last one. Every run of one step or
    more reaches the peak, and after `total_steps` the rate stays at
    `peak / ratio`.

    Args:
        peak: float of at least 0, the highest learning rate.
        total_steps: int, number of steps of the whole run, epochs times
            batches per epoch, under gradient accumulation too: Keras counts
            batches for a schedule, not updates. At least 1.
        cut_fraction: float in (0, 1), share of the steps spent rising.
            Defaults to 0.1.
        ratio: float of at least 1, how many times smaller the lowest rate is
            than the peak. Defaults to 32.

    Raises:
        ValueError: if an argument is no number, or outside of its range.

    Example:

    ```python
    schedule = SlantedTriangular(peak=0.01, total_steps=3 * 100)
    optimizer = keras.optimizers.Adam(schedule, beta_1=0.7, beta_2=0.99)
    ```
    """

    def __init__(self, peak, total_steps, cut_fraction=0.1, ratio=32.0):
        given = {
            "peak": peak,
            "total_steps": total_steps,
            "cut_fraction": cut_fraction,
            "ratio": ratio,
        }
        for name, value in given.items():
            if not (isinstance(value, numbers.Real) and math.isfinite(value)):
                raise ValueError(
                    f"`{name}` must be a finite number. "
                    f"Received: {name}={value!r}"
                )
        if peak < 0:
            raise ValueError(
                "`peak`, the highest rate, must be at least 0. "
                f"Received: peak={peak}"
            )
        if total_steps < 1:
            raise ValueError(
                "`total_steps` must be at least 1, the number of batches per "
                "epoch times the epochs. "
                f"Received: total_steps={total_steps}"
            )
        if not 0 < cut_fraction < 1:
            raise ValueError(
                "`cut_fraction` must lie between 0 and 1, both excluded. "
                f"Received: cut_fraction={cut_fraction}"
            )
        if ratio < 1:
            raise ValueError(
                "`ratio`, the peak over the lowest rate, must be at least 1. "
                f"Received: ratio={ratio}"
            )
        self.peak = peak
        self.total_steps = total_steps
        self.cut_fraction = cut_fraction
        self.ratio = ratio

    def __call__(self, step):
        # The small addend undoes products like 0.29 * 100 = 28.999...
        cut = math.floor(self.total_steps * self.cut_fraction + 1e-9)
        fall = cut * (1 / self.cut_fraction - 1)
        if cut == 0:
            cut = min(1, self.total_steps - 1)
            fall = max(1, self.total_steps - 1 - cut)
        step = ops.cast(step, "float32")
        progress = ops.where(
            step < cut, step / max(cut, 1), 1 - (step - cut) / fall
        )
        progress = ops.maximum(progress, 0.0)
        return self.peak * (1 + progress * (self.ratio - 1)) / self.ratio

    def get_config(self):
        return {
            "peak": self.peak,
            "total_steps": self.total_steps,
            "cut_fraction": self.cut_fraction,
            "ratio": self.ratio,
        }
