"""Lower layers learn more slowly: one optimizer, a rate for each group."""

import keras

from ulmfit_keras.optimizers.keras_hooks import leave_out_of_averages
from ulmfit_keras.optimizers.keras_hooks import scale_learning_rates
from ulmfit_keras.optimizers.keras_hooks import unshare_averages
from ulmfit_keras.optimizers.optimizer_wrapper import OptimizerWrapper
from ulmfit_keras.optimizers.parameter_groups import ParameterGroups


@keras.saving.register_keras_serializable("ulmfit_keras")
class DiscriminativeOptimizer(OptimizerWrapper):
    """Trains groups of layers at multiples of one learning rate.

    Any Keras optimizer that does its own work can be wrapped; a
    `LossScaleOptimizer` and a `MultiOptimizer` leave it to others. It is
    scaled where it uses its learning rate, in the update and in the weight
    decay, and not in the gradient: Adam and its kin divide a scaled gradient
    by its own size again.
    Each group moves bit for bit as the plain optimizer would move it at
    `learning_rate * multiplier`.

    `learning_rate` remains one number or schedule, the rate of a group of
    multiplier 1, so `LearningRateScheduler` and `ReduceLROnPlateau` work.
    Gradient clipping, accumulation, averaging (`use_ema`) and loss scaling
    are those of the wrapped optimizer; `global_clipnorm` is one norm over all
    gradients that are not frozen. Under `mixed_float16` Keras wraps the whole
    into a `LossScaleOptimizer`.

    Frozen groups get no update, no weight decay and no change of their slots:
    the optimizer changes no bit of them. Batch and spectral normalization
    change weights by themselves, and only `GradualUnfreezing` keeps those of a
    frozen group from it; give it a plan of one stage for groups that are to
    stay frozen. Changing the frozen groups of a compiled model needs a new
    trace of its training function; `GradualUnfreezing` does both.

    The step counter is one for all groups, so the bias correction of an Adam
    group that is unfrozen late has worn off before its first step. With
    `use_ema`, the average of a frozen group is the group itself.

    Keras' own `keras.optimizers.MultiOptimizer` also trains groups at
    different rates, with a separate optimizer for each. Use that one to mix
    kinds of optimizer, such as Muon for matrices and AdamW for the rest. It
    has no `learning_rate`, so callbacks and schedules are set for each
    optimizer, each clips by the norm of its own group, and it has no frozen
    groups. Use this one for layer-wise rates of one optimizer.

    Args:
        optimizer: the Keras optimizer to wrap, or its name. Use it nowhere
            else afterwards.
        groups: list of (name, pattern) or (name, [patterns]) from the LOWEST
            layers to the HIGHEST, see `layer_groups`. Patterns are regular
            expressions searched in `variable.path`; paths depend on how a
            model was made, so write `(^|/)name/`.
        factor: float, each group's rate is that of the group above it
            divided by this. Defaults to 2.6 (Howard & Ruder 2018,
            arXiv:1801.06146, section 3.2).
        multipliers: list of floats, one multiplier for each group, in place
            of `factor`. Defaults to None.
        frozen: indices of the groups that do not train. Defaults to none.
        name: name of the optimizer. Defaults to one made from its class.

    Raises:
        NotImplementedError: if the optimizer wraps others.
        ValueError: if an argument is none of those above; when built, if a
            trainable variable is in no group or in two, or a group has no
            variable.

    Example:

    ```python
    optimizer = DiscriminativeOptimizer(
        FusedAdam(0.01), groups=layer_groups(model)
    )
    model.compile(optimizer, "sparse_categorical_crossentropy")
    print(optimizer.group_table())
    ```
    """

    def __init__(
        self,
        optimizer,
        groups,
        factor=2.6,
        multipliers=None,
        frozen=(),
        name=None,
    ):
        super().__init__(optimizer, name=name)
        self.groups = ParameterGroups(groups, factor, multipliers)
        self.set_frozen(frozen)
        scale_learning_rates(
            self.inner_optimizer,
            lambda i: self.groups.multipliers[self._group_indices[i]],
        )

    def build(self, variables):
        if self.built:
            return
        # A tuple, since Keras tracks lists.
        self._group_indices = tuple(self.groups.assign(variables))
        super().build(variables)

    @property
    def frozen(self):
        """frozenset of the indices of groups that do not train."""
        return self._frozen

    def set_frozen(self, indices):
        """Freezes these groups and no others.

        A model that has trained before needs
        `model.make_train_function(force=True)` after this, see
        `GradualUnfreezing`.

        Args:
            indices: ints, 0 is the lowest group.

        Raises:
            ValueError: if an index is out of range, or nothing is left to
                train.
        """
        indices = frozenset(indices)
        if not indices < frozenset(range(len(self.groups))):
            raise ValueError(
                f"Frozen groups must be out of 0 to {len(self.groups) - 1}, "
                "and at least one must not be frozen. "
                f"Received: indices={sorted(indices)}"
            )
        self._frozen = indices

    def group_table(self):
        """Text with a line for each group, lowest first.

        Shows its name, multiplier, number of parameters ("?" before the
        optimizer is built) and whether it is frozen.
        """
        variables = self._trainable_variables if self.built else None
        return self.groups.table(variables, self.frozen)

    def group_index(self, path):
        """Index of the group of a variable's path, None if in no group."""
        return self.groups.index_of(path)

    def _is_frozen(self, variable):
        return (
            self._group_indices[self._get_variable_index(variable)]
            in self.frozen
        )

    def apply(self, grads, trainable_variables=None):
        if len(grads) == 0:
            return
        trainable_variables = self._built_on(trainable_variables)
        self._check_variables_are_known(trainable_variables)
        live = [
            (gradient, variable)
            for gradient, variable in zip(
                grads, trainable_variables, strict=True
            )
            if not self._is_frozen(variable)
        ]
        if self.use_ema:
            leave_out_of_averages(self.inner_optimizer, self._is_frozen)
        self.inner_optimizer.apply(
            [gradient for gradient, _ in live],
            [variable for _, variable in live],
        )

    def finalize_variable_values(self, var_list):
        # Not built where training failed before the first step.
        if self.built:
            live = [v for v in var_list if not self._is_frozen(v)]
            if self.use_ema:
                leave_out_of_averages(self.inner_optimizer, self._is_frozen)
            self.inner_optimizer.finalize_variable_values(live)
            if self.use_ema:
                unshare_averages(self.inner_optimizer)

    def get_config(self):
        return {
            **super().get_config(),
            "groups": [
                [name, patterns]
                for name, patterns in zip(
                    self.groups.names, self.groups.patterns, strict=True
                )
            ],
            "multipliers": self.groups.multipliers,
            "frozen": sorted(self.frozen),
        }
