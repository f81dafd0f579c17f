"""Start averaging the weights when validation stops getting better."""

import keras

from ulmfit_keras.optimizers.non_monotonic_asgd import NonMonotonicASGD
from ulmfit_keras.optimizers.optimizer_wrapper import unwrap


class NonMonotonicAveraging(keras.callbacks.Callback):
    """Starts the averaging of a `NonMonotonicASGD` optimizer, once.

    It starts after an epoch whose validation loss is above the best of all
    earlier epochs but the last `patience` (Merity et al. 2017,
    arXiv:1708.02182, algorithm 1). From then on the validation within `fit`
    is that of the averaged weights, and the model keeps them until the next
    epoch begins, so that `ModelCheckpoint` and `EarlyStopping` save the
    weights that were scored. Training goes on from its own. A model saved
    there has both; to train it on, give `fit` this callback again.

    Args:
        monitor: name of the logged value, lower is better. Defaults to
            "val_loss".
        patience: int of at least 0, number of latest epochs that are left out
            of the comparison. Defaults to 5.

    Attributes:
        history: list of the monitored value of each epoch so far. A `fit`
            with another optimizer than the one before begins an empty one.

    Logs:
        Adds `averaging`, 1 in epochs after the start and else 0, to the
        epoch's logs.

    Raises:
        ValueError: at the start of `fit`, if the model was not compiled with
            a `NonMonotonicASGD`; in `fit`, if the value is not logged.

    Example:

    ```python
    model.compile(NonMonotonicASGD(keras.optimizers.SGD(30.0)), "mse")
    model.fit(
        x,
        y,
        validation_data=(x_valid, y_valid),
        epochs=100,
        callbacks=[NonMonotonicAveraging()],
    )
    ```
    """

    def __init__(self, monitor="val_loss", patience=5):
        super().__init__()
        if patience < 0:
            raise ValueError(
                f"`patience` must be at least 0. Received: patience={patience}"
            )
        self.monitor = monitor
        self.patience = patience
        self.history = []
        self._optimizer = None
        self._training = False

    def on_train_begin(self, logs=None):
        before = self._optimizer
        self._optimizer = unwrap(self.model.optimizer, NonMonotonicASGD)
        if self._optimizer is None:
            raise ValueError(
                "Compile the model with a `NonMonotonicASGD`. "
                f"Received: optimizer={self.model.optimizer}"
            )
        if before not in (None, self._optimizer):
            # Else averaging could start by the losses of another model.
            self.history = []
        self._training = True

    def on_train_end(self, logs=None):
        self._training = False

    def on_epoch_begin(self, epoch, logs=None):
        # The model is asked for, so that under JAX it has its state.
        if self.model and self._optimizer.is_swapped:
            self._optimizer.swap_averages()

    def on_test_begin(self, logs=None):
        if not (self._training and self.model):
            return
        if self._optimizer.is_averaging and not self._optimizer.is_swapped:
            self._optimizer.swap_averages()

    def on_epoch_end(self, epoch, logs=None):
        if not logs or self.monitor not in logs:
            raise ValueError(
                f"'{self.monitor}' is needed in the logs of every epoch; give "
                "`validation_data` to `fit`. "
                f"Received: logs={list(logs or ())}"
            )
        logs["averaging"] = int(self._optimizer.is_averaging)
        value = logs[self.monitor]
        if not self._optimizer.is_averaging and self._is_worse(value):
            self._optimizer.start_averaging()
        self.history.append(value)

    def _is_worse(self, value):
        earlier = self.history[: max(len(self.history) - self.patience, 0)]
        return bool(earlier) and value > min(earlier)
