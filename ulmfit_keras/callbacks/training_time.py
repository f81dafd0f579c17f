"""A learning rate that rises and falls over a budget of wall-clock time."""

import time

import keras


class TrainingTime(keras.callbacks.Callback):
    """Train for a number of minutes, on a slanted triangular schedule.

    The learning rate at a moment is the slanted triangular rate (ULMFiT
    paper, equation 3) at the share of the minutes that has gone by, so that
    a run ends fully annealed however fast the machine happens to be. Time
    spent in validation counts. The optimizer's learning rate must be a
    number, not a schedule.

    Args:
        minutes: the budget.
        peak: the highest learning rate.
        cut_fraction: share of the minutes spent rising. Defaults to 0.1.
        ratio: how much lower than the peak the rate starts and ends.
            Defaults to 32.
        update_frequency: batches between two changes of the rate. Defaults
            to 20.

    Example:

    ```python
    model.fit(stream, epochs=1000, callbacks=[TrainingTime(60, peak=4e-3)])
    ```
    """

    def __init__(
        self, minutes, peak, cut_fraction=0.1, ratio=32.0, update_frequency=20
    ):
        super().__init__()
        self.minutes = minutes
        self.peak = peak
        self.cut_fraction = cut_fraction
        self.ratio = ratio
        self.update_frequency = update_frequency
        self.batches = 0

    def learning_rate(self, elapsed):
        """The rate after `elapsed`, a share of the budget from 0 to 1."""
        if elapsed < self.cut_fraction:
            height = elapsed / self.cut_fraction
        else:
            height = max(0.0, (1 - elapsed) / (1 - self.cut_fraction))
        return self.peak * (1 + height * (self.ratio - 1)) / self.ratio

    def on_train_begin(self, logs=None):
        self.started = time.monotonic()

    def on_train_batch_begin(self, batch, logs=None):
        if self.batches % self.update_frequency == 0:
            elapsed = (time.monotonic() - self.started) / (60 * self.minutes)
            self.model.optimizer.learning_rate = self.learning_rate(elapsed)
            self.model.stop_training |= elapsed >= 1
        self.batches += 1

    def on_train_batch_end(self, batch, logs=None):
        if time.monotonic() - self.started >= 60 * self.minutes:
            self.model.stop_training = True
