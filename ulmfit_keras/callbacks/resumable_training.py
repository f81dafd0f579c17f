"""Continue a training run that was broken off."""

import inspect
import time

import keras
import numpy as np
from keras import ops

from ulmfit_keras.callbacks.built_optimizer import build_optimizer
from ulmfit_keras.callbacks.checkpoint_folder import CheckpointFolder
from ulmfit_keras.callbacks.random_states import set_torch_random_states
from ulmfit_keras.callbacks.random_states import torch_random_states
from ulmfit_keras.optimizers.keras_hooks import start_at_epoch


class ResumableTraining(keras.callbacks.Callback):
    """Saves the state of a run after every epoch, and continues from it.

    Run the same program again after a crash: `fit` then starts with the epoch
    that was broken off and ends with what the unbroken run would have given.
    What is kept are all variables of the model and of the optimizer, the
    states of random generators, the epoch, the history, and the
    state of the callbacks named. `GradualUnfreezing` follows the epoch by
    itself. Two checkpoints are kept, so that a damaged one costs an epoch.
    When `fit` ends, the checkpoints are removed, but not when the time was up.

    The order of the data has to follow from the epoch. Give a dataset with an
    attribute `epoch`, such as `LengthBuckets`, as `data`, and have `fit` not
    shuffle, which it would do in another way in each run.

    Place it last in the list of callbacks, after those it keeps.

    Args:
        folder: path of the folder for the checkpoints, of one run at a time.
        data: training dataset whose attribute `epoch` is set to the
            number of each epoch. Defaults to None.
        callbacks: callbacks whose numbers, lists of numbers and arrays are
            kept, such as `EarlyStopping`, `ReduceLROnPlateau`,
            `ModelCheckpoint` or `NonMonotonicAveraging`, the same ones in
            each run. Defaults to none.
        max_minutes: number of minutes after which no epoch is begun that
            would, going by the slowest so far, end later: for machines that
            are lent by the hour. At least one epoch is run. Defaults to
            None, no limit.

    Attributes:
        finished: bool, whether the last `fit` went to its end; False while
            it runs and where the time was up.

    Raises:
        ValueError: at the start of `fit`, if the model is not built, the
            checkpoint is of another model, optimizer or other callbacks, or
            none is whole.

    Example:

    ```python
    stopping = keras.callbacks.EarlyStopping(patience=2)
    resumable = ResumableTraining("run", data=train, callbacks=[stopping])
    model.fit(
        train, epochs=20, shuffle=False, callbacks=[stopping, resumable]
    )
    ```
    """

    def __init__(self, folder, data=None, callbacks=(), max_minutes=None):
        super().__init__()
        self.folder = CheckpointFolder(folder)
        self.data = data
        self.callbacks = list(callbacks)
        self._also_kept, self._other_data = [], None
        self.max_minutes = max_minutes
        self.finished = False

    def also_keep(self, callbacks, data=None):
        """Keep what the caller of the next `fit` adds to it.

        For functions that take callbacks and make a data set of their own.
        Each call takes the place of the one before.

        Args:
            callbacks: list of callbacks that come before this one, besides
                those it was made with.
            data: training dataset, if it was made with none. Defaults to
                None.
        """
        self._also_kept, self._other_data = list(callbacks), data

    def on_train_begin(self, logs=None):
        self.finished = False
        self._started = self._epoch_ended = time.monotonic()
        self._slowest_epoch = 0.0
        self._time_is_up = False
        self._history = []
        self._waiting = None
        model = self.model
        build_optimizer(model)
        saved = self.folder.load()
        if saved is None:
            return
        arrays, metadata = saved
        variables = self._variables()
        shapes = [list(variable.shape) for variable in variables]
        if metadata["shapes"] != shapes:
            raise ValueError(
                "The checkpoint is of a model or optimizer with other "
                "variables. Use a folder of its own for each run. "
                f"Received: folder={self.folder.path}"
            )
        kept = self._kept_names()
        if metadata.get("kept", kept) != kept:
            raise ValueError(
                "The checkpoint is of a run with other callbacks, whose state "
                "it keeps: give the same ones, and of a stage the same "
                "`patience`, or a folder of its own for each run. "
                f"Received: {kept} in place of {metadata['kept']}, "
                f"folder={self.folder.path}"
            )
        for variable, array in zip(variables, arrays, strict=False):
            variable.assign(array)
        # Early stopping ends no second time what it has ended.
        stopped = metadata.get("stop_training", False)
        start_at_epoch(
            model, self.params["epochs"] if stopped else metadata["epoch"]
        )
        self._history = metadata["history"]
        self._waiting = metadata["callbacks"], arrays[len(variables) :]
        self._random_states = metadata["random_states"]
        self._restore_callbacks()

    def on_epoch_begin(self, epoch, logs=None):
        data = self._other_data if self.data is None else self.data
        if data is not None:
            # Also in the first run: Keras looks into a dataset before it
            # trains, and the dataset takes that for an epoch.
            data.epoch = epoch
        # `fit` has read it, and the next one is not to find it.
        start_at_epoch(self.model, None)
        self._go_on()

    def on_epoch_end(self, epoch, logs=None):
        # A metric may be a vector, with a number for each class.
        values = {
            name: ops.convert_to_numpy(value).tolist()
            for name, value in (logs or {}).items()
        }
        self._history.append([epoch, values])
        variables = self._variables()
        arrays = [_storable(ops.convert_to_numpy(v)) for v in variables]
        metadata = {
            "epoch": epoch + 1,
            "shapes": [list(variable.shape) for variable in variables],
            "stop_training": bool(self.model.stop_training),
            "history": self._history,
            "random_states": torch_random_states(),
            "kept": self._kept_names(),
        }
        metadata["callbacks"] = [
            _get_state(callback, arrays, len(variables))
            for callback in self.callbacks + self._also_kept
        ]
        self.folder.save(epoch + 1, arrays, metadata)
        self._stop_in_time(epoch)

    def _stop_in_time(self, epoch):
        now = time.monotonic()
        self._slowest_epoch = max(self._slowest_epoch, now - self._epoch_ended)
        self._epoch_ended = now
        self._time_is_up = (
            self.max_minutes is not None
            and now - self._started + self._slowest_epoch
            > 60 * self.max_minutes
            and not self.model.stop_training
            and epoch + 1 < self.params["epochs"]
        )
        self.model.stop_training |= self._time_is_up

    def on_train_end(self, logs=None):
        start_at_epoch(self.model, None)
        # Still to be done where no epoch was left.
        self._go_on()
        self.finished = not self._time_is_up
        if self.finished:
            self.folder.clear()

    def _go_on(self):
        if self._waiting is None:
            return
        # Once more, for callbacks that have reset themselves since.
        self._restore_callbacks()
        self._waiting = None
        set_torch_random_states(self._random_states)
        history = self.model.history
        for past_epoch, past_logs in self._history:
            history.epoch.append(past_epoch)
            for name, value in past_logs.items():
                history.history.setdefault(name, []).append(value)

    def _restore_callbacks(self):
        states, arrays = self._waiting
        kept = self.callbacks + self._also_kept
        for state, callback in zip(states, kept, strict=True):
            _set_state(callback, state, arrays)

    def _kept_names(self):
        kept = self.callbacks + self._also_kept
        return [type(callback).__name__ for callback in kept]

    def _variables(self):
        model = self.model
        return model.variables + model.optimizer.variables


def _storable(array):
    # NumPy's files know no bfloat16; float32 holds all its values.
    return array if array.dtype.kind in "biuf" else array.astype("float32")


def _get_state(callback, arrays, first):
    """What JSON can hold of a callback.

    What the constructor was given is no state: it is given again, and some
    callbacks change its sign. Lists of arrays are added to `arrays`, and the
    state has their place in it, counted from `first`.
    """
    state = {}
    given = inspect.signature(type(callback)).parameters
    for name, value in vars(callback).items():
        if name in given:
            continue
        # On TensorFlow the value of a scalar weight is a NumPy number.
        if _is_list_of(value, (np.ndarray, np.generic)) and any(
            isinstance(array, np.ndarray) for array in value
        ):
            start = len(arrays) - first
            arrays += [_storable(array) for array in value]
            state[name] = {"arrays": [start, len(arrays) - first]}
        elif _is_list_of(value, (int, float, np.number)):
            state[name] = [float(number) for number in value]
        elif isinstance(value, np.number):
            state[name] = value.item()
        elif isinstance(value, (bool, int, float)):
            state[name] = value
    return state


def _is_list_of(value, kind):
    return isinstance(value, list) and all(isinstance(v, kind) for v in value)


def _set_state(callback, state, arrays):
    for name, value in state.items():
        if isinstance(value, dict):
            value = arrays[slice(*value["arrays"])]
        setattr(callback, name, value)
