"""Train the head first, and the layers beneath it step by step."""

import bisect
import itertools
import numbers

import keras

from ulmfit_keras.callbacks.built_optimizer import build_optimizer
from ulmfit_keras.callbacks.freezing import freeze_groups
from ulmfit_keras.callbacks.retrace import retrace
from ulmfit_keras.optimizers.discriminative_optimizer import (
    DiscriminativeOptimizer,
)
from ulmfit_keras.optimizers.optimizer_wrapper import unwrap


def _one_by_one(groups):
    return [range(k, groups) for k in reversed(range(groups))]


def _last_two_then_all(groups):
    stages = [range(k, groups) for k in (groups - 1, groups - 2, 0)]
    return [stage for stage in stages if stage.start >= 0]


def _chain_thaw(groups):
    return [[groups - 1], *([k] for k in range(groups - 1)), range(groups)]


def _all(groups):
    return [range(groups)]


PLANS = {
    "one_by_one": _one_by_one,
    "last_two_then_all": _last_two_then_all,
    "chain_thaw": _chain_thaw,
    "all": _all,
}


class GradualUnfreezing(keras.callbacks.Callback):
    """Unfreezes the groups of a `DiscriminativeOptimizer` within one `fit`.

    Each stage of the plan trains some of the optimizer's groups for some
    epochs; the last stage lasts to the end of training. The model is not
    compiled again and the optimizer keeps its state. The training function is
    traced once for each stage.

    What is frozen stands in the optimizer's configuration: a model saved in the
    middle of training and loaded again trains on with those groups frozen, as
    `ResumableTraining` needs it. Compile it anew to train all of it. Only
    weights that batch and spectral normalization change by themselves move
    then in frozen groups, too, unless `fit` is given this callback again.

    A frozen group is bit-identical after training: its weights, its slots in
    the optimizer, and what its batch and spectral normalization layers
    change by themselves, since they run in inference mode as under
    `layer.trainable = False`. Batch normalization without scale and center
    trains nothing and so is in no group, unless one has a pattern for it: its
    statistics move all the time.
    It costs no backward pass either: `GradientBoundary` layers beneath which
    everything is frozen are closed, and in models without them the compiler
    (TensorFlow, JAX) or torch's autograd leaves out gradients of no use. Under
    `mixed_float16` every gradient is of use on TensorFlow and JAX, for the loss
    scale follows from all of them: there only the boundaries save that cost.

    The stage follows from the epoch, so `fit(initial_epoch=...)` continues in
    the right one. When `fit` ends, everything is unfrozen again. Keras tells
    no callback of an error or Ctrl-C inside `fit`: call `unfreeze_all` before
    you go on with the model.

    Args:
        plan: one of

            - "one_by_one": the highest group, then one more below it with
              each stage (Howard & Ruder 2018, arXiv:1801.06146, section 3.3);
            - "last_two_then_all": the highest group, the two highest, all
              (the scripts released with that paper);
            - "chain_thaw": the highest group alone, then each other group
              alone from the lowest up, then all (Felbo et al. 2017,
              arXiv:1708.00524);
            - "all": everything from the start;
            - a list of stages, each a list of the group indices (negative
              ones count from the highest) or group names that train.

            Defaults to "one_by_one".
        epochs_per_stage: int, or a list with an int for each stage but the
            last. Defaults to 1.

    Logs:
        Adds `unfrozen_groups`, the number of groups in training, to the
        epoch's logs.

    Raises:
        ValueError: at the start of `fit`, if the model was not compiled with
            a `DiscriminativeOptimizer`, or the plan does not fit its groups.

    Example:

    ```python
    model.compile(
        DiscriminativeOptimizer("adam", layer_groups(model)),
        loss="sparse_categorical_crossentropy",
    )
    model.fit(x, y, epochs=8, callbacks=[GradualUnfreezing()])
    ```
    """

    def __init__(self, plan="one_by_one", epochs_per_stage=1):
        super().__init__()
        if isinstance(plan, str) and plan not in PLANS:
            raise ValueError(
                f"`plan` must be one of {list(PLANS)} or a list of stages. "
                f"Received: plan={plan!r}"
            )
        self.plan = plan
        self.epochs_per_stage = epochs_per_stage
        self._optimizer = None

    def on_train_begin(self, logs=None):
        self._optimizer = unwrap(self.model.optimizer, DiscriminativeOptimizer)
        if self._optimizer is None:
            raise ValueError(
                "Compile the model with a `DiscriminativeOptimizer`; its "
                "groups are what is unfrozen. "
                f"Received: optimizer={self.model.optimizer}"
            )
        # TensorFlow traces a step again if variables were made in its trace.
        if self.model.built:
            build_optimizer(self.model)
        self._stages = self._read_plan(self._optimizer.groups.names)
        self._starts = self._first_epochs(len(self._stages))
        self._stage = None

    def on_epoch_begin(self, epoch, logs=None):
        stage = bisect.bisect_right(self._starts, epoch) - 1
        if stage != self._stage:
            self._stage = stage
            self._train_only(self._stages[stage])

    def on_epoch_end(self, epoch, logs=None):
        if logs is not None:
            logs["unfrozen_groups"] = len(self._stages[self._stage])

    def on_train_end(self, logs=None):
        self.unfreeze_all()

    def unfreeze_all(self):
        """Undoes what is frozen; called when `fit` ends.

        Where an exception may end it, call this yourself. It does nothing if
        nothing is frozen.

        Example:

        ```python
        unfreezing = GradualUnfreezing()
        try:
            model.fit(x, y, epochs=8, callbacks=[unfreezing])
        finally:
            unfreezing.unfreeze_all()
        ```
        """
        if self._optimizer is not None and self._optimizer.frozen:
            self._train_only(range(len(self._optimizer.groups)))

    def _train_only(self, groups):
        self._optimizer.set_frozen(
            set(range(len(self._optimizer.groups))) - set(groups)
        )
        freeze_groups(self.model, self._optimizer)
        retrace(self.model)

    def _read_plan(self, names):
        """List of the sets of group indices that train in each stage."""
        if isinstance(self.plan, str):
            return [set(stage) for stage in PLANS[self.plan](len(names))]
        index = {name: i for i, name in enumerate(names)}
        index.update(
            (i, i % len(names)) for i in range(-len(names), len(names))
        )
        try:
            stages = [{index[group] for group in stage} for stage in self.plan]
        except (KeyError, TypeError) as error:
            raise ValueError(
                "A stage must be a list of group names out of "
                f"{names} or of indices of them. Received: plan={self.plan}"
            ) from error
        if not stages or not all(stages):
            raise ValueError(
                "A plan needs at least one stage and a stage at least one "
                f"group. Received: plan={self.plan}"
            )
        return stages

    def _first_epochs(self, stages):
        lengths = self.epochs_per_stage
        if isinstance(lengths, numbers.Integral):
            lengths = [lengths] * (stages - 1)
        if len(lengths) < stages - 1 or any(length < 1 for length in lengths):
            raise ValueError(
                "`epochs_per_stage` must be an int of at least 1, or one for "
                f"each of the first {stages - 1} stages. "
                f"Received: epochs_per_stage={self.epochs_per_stage}"
            )
        return [0, *itertools.accumulate(lengths[: stages - 1])]
