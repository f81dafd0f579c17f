"""Averaged SGD whose averaging starts when training no longer pays."""

import keras
import numpy as np
from keras import ops

from ulmfit_keras.optimizers.optimizer_wrapper import OptimizerWrapper


@keras.saving.register_keras_serializable("ulmfit_keras")
class NonMonotonicASGD(OptimizerWrapper):
    """Averages the weights of all steps since a moment chosen in training.

    The wrapped optimizer trains as ever. From the call of `start_averaging`,
    the mean of the weights after each step is kept beside it:

        average = average + (weights - average) / steps_since_start

    (Polyak & Juditsky 1992; NT-ASGD in Merity et al. 2017, arXiv:1708.02182,
    section 4, which starts averaging by the rule that the callback
    `NonMonotonicAveraging` follows.) Before that call it is the plain
    optimizer. At the end of `fit` the weights become their average, so that
    `evaluate`, `predict` and saved models have it. The average is stored in
    one more copy of the weights.

    Args:
        optimizer: the Keras optimizer to wrap, or its name. The paper uses
            plain SGD, without momentum, at a constant rate. A
            `DiscriminativeOptimizer` can be wrapped too.
        name: name of the optimizer. Defaults to one made from its class.

    Example:

    ```python
    model.compile(NonMonotonicASGD(keras.optimizers.SGD(30.0, clipnorm=0.25)))
    model.fit(
        train,
        validation_data=valid,
        epochs=100,
        callbacks=[NonMonotonicAveraging()],
    )
    ```
    """

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self._is_averaging = self.add_variable(
            shape=(), dtype="int32", name="is_averaging", **_ONE_COPY
        )
        self._averaged_steps = self.add_variable(
            shape=(), dtype="int32", name="averaged_steps", **_ONE_COPY
        )
        self._averages = [
            self.add_variable(
                shape=variable.shape,
                dtype=variable.dtype,
                name=f"{variable.path.replace('/', '_')}_average",
                **_ONE_COPY,
            )
            for variable in variables
        ]

    def apply(self, grads, trainable_variables=None):
        if len(grads) == 0:
            return
        trainable_variables = self._built_on(trainable_variables)
        self.inner_optimizer.apply(grads, trainable_variables)
        # One step also where a model that has the averages is trained on.
        one_or_none = ops.minimum(self._is_averaging, 1)
        steps = ops.add(self._averaged_steps, one_or_none)
        self._averaged_steps.assign(steps)
        for variable, average in self._pairs():
            weights, mean = variable.value, average.value
            share = ops.cast(1 / ops.maximum(steps, 1), variable.dtype)
            # Until the second step of the mean, it is the weights.
            average.assign(
                ops.where(steps < 2, weights, mean + (weights - mean) * share)
            )

    @property
    def is_averaging(self):
        """Whether averaging has started."""
        return self._phase() != _NOT_YET

    @property
    def is_swapped(self):
        """Whether averaging has started and the model has the averages."""
        return self._phase() == _SWAPPED

    def start_averaging(self):
        """Starts the average with the next step."""
        self._is_averaging.assign(_AVERAGING)

    def swap_averages(self):
        """Exchanges the weights and their averages.

        Swap, evaluate, and swap again to go on training.
        """
        if self.is_averaging:
            phase = _AVERAGING if self.is_swapped else _SWAPPED
            self._is_averaging.assign(phase)
        for variable, average in self._pairs():
            weights = np.array(ops.convert_to_numpy(variable))
            variable.assign(average)
            average.assign(weights)

    def finalize_variable_values(self, var_list):
        if self.is_swapped:
            self.swap_averages()
        self.inner_optimizer.finalize_variable_values(var_list)
        if self.is_averaging:
            for variable, average in self._pairs():
                # A copy: under JAX two variables may not share a buffer.
                variable.assign(ops.copy(average))

    def _phase(self):
        if not self.built:
            return _NOT_YET
        return int(ops.convert_to_numpy(self._is_averaging))

    def _pairs(self):
        return zip(self._trainable_variables, self._averages, strict=True)


# Kept in a variable, so that whoever loads a state knows which weights it has.
_NOT_YET, _AVERAGING, _SWAPPED = range(3)

# Replicas of a distributed model hold equal weights and so equal averages.
_ONE_COPY = {"aggregation": "only_first_replica"}
