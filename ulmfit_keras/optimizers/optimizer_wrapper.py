"""What every optimizer around another optimizer has in common."""

import keras


class OptimizerWrapper(keras.optimizers.Optimizer):
    """An optimizer that does its work through another one.

    Learning rate, step counter and loss scale are those of
    `inner_optimizer`, under the attribute name that Keras' own
    `LossScaleOptimizer` uses, so that `unwrap` can walk through both.

    Args:
        optimizer: the Keras optimizer to wrap, or its name.
        name: name of the wrapper. Defaults to one made from its class.
    """

    def __init__(self, optimizer, name=None):
        super().__init__(learning_rate=0.0, name=name)
        self.inner_optimizer = keras.optimizers.get(optimizer)

    def build(self, variables):
        if self.built:
            return
        if not self.inner_optimizer.built:
            self.inner_optimizer.build(variables)
        super().build(variables)

    @property
    def variables(self):
        return self._variables + self.inner_optimizer.variables

    @property
    def learning_rate(self):
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, learning_rate):
        self.inner_optimizer.learning_rate = learning_rate

    @property
    def iterations(self):
        return self.inner_optimizer.iterations

    @property
    def loss_scale_factor(self):
        inner = getattr(self, "inner_optimizer", None)
        return None if inner is None else inner.loss_scale_factor

    @loss_scale_factor.setter
    def loss_scale_factor(self, factor):
        # The base constructor sets it before there is an inner optimizer.
        if hasattr(self, "inner_optimizer"):
            self.inner_optimizer.loss_scale_factor = factor

    def scale_loss(self, loss):
        return self.inner_optimizer.scale_loss(loss)

    def finalize_variable_values(self, var_list):
        self.inner_optimizer.finalize_variable_values(var_list)

    def set_weights(self, weights):
        for variable, weight in zip(self.variables, weights, strict=True):
            variable.assign(weight)

    # The saved file holds the inner optimizer as an object of its own, so
    # saving `self.variables` here would store every slot twice.
    def save_own_variables(self, store):
        for i, variable in enumerate(self._variables):
            store[str(i)] = keras.ops.convert_to_numpy(variable)

    def load_own_variables(self, store):
        if len(store.keys()) != len(self._variables):
            raise ValueError(
                f"The saved state of optimizer '{self.name}' does not fit: "
                f"{len(self._variables)} variables were expected. Build the "
                "optimizer on the variables it was saved with. "
                f"Received: {len(store.keys())} variables"
            )
        for i, variable in enumerate(self._variables):
            variable.assign(store[str(i)])

    def get_config(self):
        return {
            "name": self.name,
            "optimizer": keras.saving.serialize_keras_object(
                self.inner_optimizer
            ),
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        config["optimizer"] = keras.saving.deserialize_keras_object(
            config["optimizer"], custom_objects=custom_objects
        )
        return cls(**config)


def unwrap(optimizer, kind):
    """Finds an optimizer of a class within wrappers around it.

    Args:
        optimizer: an optimizer, perhaps wrapped (mixed precision wraps the
            compiled optimizer into a `LossScaleOptimizer`).
        kind: the class to look for.

    Returns:
        The outermost optimizer of class `kind`, or None.
    """
    while optimizer is not None and not isinstance(optimizer, kind):
        optimizer = getattr(optimizer, "inner_optimizer", None)
    return optimizer


def innermost(optimizer):
    """The optimizer within all wrappers."""
    while hasattr(optimizer, "inner_optimizer"):
        optimizer = optimizer.inner_optimizer
    return optimizer
