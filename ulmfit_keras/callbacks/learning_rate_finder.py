"""Find a learning rate by a short run at ever higher rates."""

import collections
import math

import keras
import numpy as np
from keras import ops

from ulmfit_keras.callbacks.built_optimizer import build_optimizer
from ulmfit_keras.callbacks.callback_list import callback_list
from ulmfit_keras.callbacks.random_states import set_torch_random_states
from ulmfit_keras.callbacks.random_states import torch_random_states
from ulmfit_keras.callbacks.retrace import retrace
from ulmfit_keras.callbacks.sweep import Sweep
from ulmfit_keras.optimizers.keras_hooks import learning_rate_source
from ulmfit_keras.optimizers.keras_hooks import steps_of_schedules
from ulmfit_keras.optimizers.optimizer_wrapper import innermost

Suggestions = collections.namedtuple("Suggestions", ["valley", "steepest"])


class LearningRateFinder(keras.callbacks.Callback):
    """Trains for some steps at growing rates and records the loss of each.

    The rate grows by a constant factor with every step, until the last step
    or until the loss is not finite or `stop_factor` times its lowest (Smith
    2017, arXiv:1506.01186, with the settings of fastai's `lr_find`); below 0,
    as far above its lowest as that times `stop_factor - 1`, signs aside. Then
    model and optimizer are put back bit for bit to where they were: weights,
    states of random generators and normalization, slots, step counter and
    the learning rate, float or schedule. A dataset that draws its order at
    random has drawn, though.

    With a `DiscriminativeOptimizer`, the rate is that of the group of
    multiplier 1.

    Args:
        lowest: float, the first learning rate. Defaults to 1e-7.
        highest: float, the last learning rate. Defaults to 10.
        steps: int, number of training steps, at least 2. Defaults to 100. A
            step is what Keras tells callbacks of, `steps_per_execution`
            batches.
        stop_factor: float, how many times its lowest value the smoothed loss
            may reach. Defaults to 4.
        smoothing: float in [0, 1), weight of the earlier losses in the
            smoothed one. Defaults to 0.98.

    Attributes:
        learning_rates: list of the rates that were tried.
        losses: list of the loss of the batch at each.

    Raises:
        ValueError: if an argument is outside of its range.

    Example:

    ```python
    finder = LearningRateFinder()
    rate = finder.find(model, x, y, batch_size=64).valley
    finder.plot("learning_rate.png")
    ```
    """

    def __init__(
        self,
        lowest=1e-7,
        highest=10.0,
        steps=100,
        stop_factor=4.0,
        smoothing=0.98,
    ):
        super().__init__()
        if not 0 < lowest < highest or steps < 2:
            raise ValueError(
                "Rates must be above 0 and grow, in at least 2 steps. "
                f"Received: lowest={lowest}, highest={highest}, steps={steps}"
            )
        if not (stop_factor > 1 and 0 <= smoothing < 1):
            raise ValueError(
                "`stop_factor` must be above 1 and `smoothing` in [0, 1). "
                f"Received: stop_factor={stop_factor}, smoothing={smoothing}"
            )
        self.lowest = lowest
        self.highest = highest
        self.steps = steps
        self.stop_factor = stop_factor
        self.smoothing = smoothing
        self.learning_rates = []
        self.losses = []
        self._before = None

    def find(self, model, *args, **kwargs):
        """Runs the sweep on a compiled model.

        Args:
            model: built and compiled `keras.Model`.
            *args: positional arguments of `model.fit`, the data.
            **kwargs: keyword arguments of `model.fit`.

        Returns:
            What `suggest` returns.
        """
        kwargs = {
            "verbose": 0,
            # There is a step or more in every epoch.
            "epochs": self.steps,
            **kwargs,
            "callbacks": [*callback_list(kwargs.get("callbacks")), self],
        }
        try:
            model.fit(*args, **kwargs)
        finally:
            self._restore()
        return self.suggest()

    def on_train_begin(self, logs=None):
        model = self.model
        build_optimizer(model)
        self.learning_rates, self.losses = [], []
        optimizer = innermost(model.optimizer)
        variables = model.variables + model.optimizer.variables
        self._before = {
            "optimizer": optimizer,
            "source": learning_rate_source(optimizer),
            "random_states": torch_random_states(),
            "values": [
                (v, np.array(ops.convert_to_numpy(v))) for v in variables
            ],
        }
        if self._is_scheduled():
            optimizer.learning_rate = Sweep(
                self._rate(0),
                self._rate(1) / self._rate(0),
                steps_of_schedules(optimizer),
                model.steps_per_execution,
                # Unknown of a generator: as if no execution were short.
                self.params["steps"] or model.steps_per_execution,
            )
            retrace(model)

    def on_train_batch_begin(self, batch, logs=None):
        # Under JAX, `self.model` has to be asked for before each change.
        model = self.model
        # Else the loss in the logs is a mean over the epoch.
        model.reset_metrics()
        if not self._is_scheduled():
            model.optimizer.learning_rate = self._rate(len(self.losses))
        rate = ops.convert_to_numpy(model.optimizer.learning_rate)
        # Where data end, Keras on TensorFlow begins a batch that is not there.
        self.learning_rates[len(self.losses) :] = [float(rate)]

    def on_train_batch_end(self, batch, logs=None):
        self.losses.append(float(ops.convert_to_numpy(logs["loss"])))
        smooth = self._smooth_losses()
        lowest = np.min(smooth)
        if (
            len(self.losses) == self.steps
            or not math.isfinite(self.losses[-1])
            or smooth[-1] > lowest + (self.stop_factor - 1) * abs(lowest)
        ):
            self.model.stop_training = True

    def on_train_end(self, logs=None):
        del self.learning_rates[len(self.losses) :]
        self._restore()

    def suggest(self):
        """Rates to train with, read off the smoothed losses.

        The first tenth of the steps and the last five are left out.

        Returns:
            A named tuple with `valley`, the middle of the longest falling
            subsequence, and `steepest`, where the loss falls fastest over
            the logarithm of the rate.

        Raises:
            ValueError: if the loss never fell, or for lack of steps.
        """
        suggestions = self._suggestions()
        if suggestions is None:
            raise ValueError(
                "The loss never fell, there is no rate to suggest. Look at "
                "`plot()`, and try lower rates or more steps. "
                f"Received: losses={self.losses}"
            )
        return suggestions

    def _suggestions(self):
        first = len(self.losses) // 10
        last = max(0, int(np.sum(np.isfinite(self.losses))) - 5)
        losses = self._smooth_losses()[first:last]
        rates = np.array(self.learning_rates)[first:last]
        falling = _longest_falling_subsequence(losses)
        if len(falling) < 2:
            return None
        slopes = np.gradient(losses, np.log(rates))
        return Suggestions(
            valley=float(rates[(falling[0] + falling[-1]) // 2]),
            steepest=float(rates[np.argmin(slopes)]),
        )

    def plot(self, path=None):
        """Draws the losses over the rates, with the suggestions if any.

        Args:
            path: file to write the figure to, of any type that matplotlib
                knows. Defaults to None, no file.

        Returns:
            A `matplotlib.figure.Figure`.
        """
        from matplotlib.figure import Figure

        figure = Figure(figsize=(6, 4), layout="constrained")
        axes = figure.subplots()
        rates = self.learning_rates
        axes.plot(rates, self.losses, color="0.8", label="loss of the batch")
        axes.plot(rates, self._smooth_losses(), label="smoothed")
        suggestions = self._suggestions()
        for name, rate in suggestions._asdict().items() if suggestions else ():
            axes.axvline(rate, linestyle=":", label=f"{name} {rate:.2g}")
        axes.set(xscale="log", xlabel="learning rate", ylabel="loss")
        axes.legend()
        if path is not None:
            figure.savefig(path)
        return figure

    def _rate(self, step):
        growth = self.highest / self.lowest
        return self.lowest * growth ** (step / (self.steps - 1))

    def _is_scheduled(self):
        return not isinstance(self._before["source"], keras.Variable)

    def _smooth_losses(self):
        """Exponential moving average, not biased towards a start at 0."""
        average, smooth = 0.0, []
        for step, loss in enumerate(self.losses, 1):
            average = self.smoothing * average + (1 - self.smoothing) * loss
            smooth.append(average / (1 - self.smoothing**step))
        return np.array(smooth)

    def _restore(self):
        if self._before is None:
            return
        before, self._before = self._before, None
        if not isinstance(before["source"], keras.Variable):
            before["optimizer"].learning_rate = before["source"]
            retrace(self.model)
        for variable, value in before["values"]:
            variable.assign(value)
        set_torch_random_states(before["random_states"])


def _longest_falling_subsequence(values):
    """Positions of the longest strictly falling subsequence."""
    best = []
    for i, value in enumerate(values):
        earlier = [best[j] for j in range(i) if values[j] > value]
        best.append([*max(earlier, key=len, default=[]), i])
    return max(best, key=len, default=[])
