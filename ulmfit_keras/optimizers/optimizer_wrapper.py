"""What every optimizer around another optimizer has in common."""

import warnings

import keras

from ulmfit_keras.optimizers.keras_hooks import build_without_slots


def _of_inner_optimizer(name):
    """A property that is the inner optimizer's attribute."""

    def read(self):
        return getattr(self.inner_optimizer, name)

    def write(self, value):
        # The base constructor sets it before there is an inner optimizer.
        if hasattr(self, "inner_optimizer"):
            setattr(self.inner_optimizer, name, value)

    return property(read, write)


class OptimizerWrapper(keras.optimizers.Optimizer):
    """An optimizer that does its work through another one.

    Learning rate, step counter and all settings that Keras' optimizers have
    in common are those of `inner_optimizer`, whether read or set. It has the
    attribute name that Keras' own `LossScaleOptimizer` uses, so that `unwrap`
    can walk through both.

    Args:
        optimizer: the Keras optimizer to wrap, or its name.
        name: name of the wrapper. Defaults to one made from its class.

    Raises:
        NotImplementedError: if the optimizer scales the loss.
        ValueError: if it is no optimizer.
    """

    def __init__(self, optimizer, name=None):
        optimizer = keras.optimizers.get(optimizer)
        if not isinstance(optimizer, keras.optimizers.Optimizer):
            raise ValueError(
                "`optimizer` must be a Keras optimizer or the name of one. "
                f"Received: optimizer={optimizer!r}"
            )
        scaling = unwrap(optimizer, keras.optimizers.LossScaleOptimizer)
        if scaling is not None:
            raise NotImplementedError(
                "Loss scaling goes around all other wrappers, where Keras puts "
                "it under `mixed_float16`. Wrap the plain optimizer first, and "
                "put a `LossScaleOptimizer` around the result. To read a model "
                "that was saved so, use `load_model(path, compile=False)`. "
                f"Received: optimizer={type(optimizer).__name__}"
            )
        super().__init__(learning_rate=0.0, name=name)
        # A step counter and a rate, which nothing reads.
        self._num_unused = len(self._variables)
        self.inner_optimizer = optimizer

    def build(self, variables):
        if self.built:
            return
        if not self.inner_optimizer.built:
            self.inner_optimizer.build(variables)
        build_without_slots(self, variables)

    def _built_on(self, trainable_variables):
        """List of the variables of a step, on which this is built by now."""
        if trainable_variables is not None:
            trainable_variables = list(trainable_variables)
            self.build(trainable_variables)
            return trainable_variables
        if not self.built:
            raise ValueError(
                "An optimizer that is not built has to be told the variables. "
                "Give them to `apply`, or call `build` first. "
                "Received: trainable_variables=None"
            )
        return self._trainable_variables

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

    weight_decay = _of_inner_optimizer("weight_decay")
    clipnorm = _of_inner_optimizer("clipnorm")
    clipvalue = _of_inner_optimizer("clipvalue")
    global_clipnorm = _of_inner_optimizer("global_clipnorm")
    use_ema = _of_inner_optimizer("use_ema")
    ema_momentum = _of_inner_optimizer("ema_momentum")
    ema_overwrite_frequency = _of_inner_optimizer("ema_overwrite_frequency")
    loss_scale_factor = _of_inner_optimizer("loss_scale_factor")
    gradient_accumulation_steps = _of_inner_optimizer(
        "gradient_accumulation_steps"
    )

    def exclude_from_weight_decay(self, var_list=None, var_names=None):
        self.inner_optimizer.exclude_from_weight_decay(var_list, var_names)

    def apply_gradients(self, grads_and_vars):
        super().apply_gradients(grads_and_vars)
        # Not the wrapper's own counter, which nothing advances.
        return self.iterations

    def scale_loss(self, loss):
        return self.inner_optimizer.scale_loss(loss)

    def finalize_variable_values(self, var_list):
        self.inner_optimizer.finalize_variable_values(var_list)

    def set_weights(self, weights):
        for variable, weight in zip(self.variables, weights, strict=True):
            variable.assign(weight)

    # The saved file holds the inner optimizer as an object of its own, so
    # saving `self.variables` here would store every slot twice. The slots have
    # names, for an optimizer without wrapper reads as many numbers as it has
    # variables, whatever they are.
    def save_own_variables(self, store):
        for name, variable in self._named_slots().items():
            store[name] = keras.ops.convert_to_numpy(variable)

    def load_own_variables(self, store):
        saved = {name: store[name] for name in store.keys()}
        if sorted(saved) == sorted(map(str, range(len(self._variables)))):
            # As earlier versions saved it, with the unused variables.
            saved = {
                f"slot_{i}": saved[str(i + self._num_unused)]
                for i in range(len(self._variables) - self._num_unused)
            }
        slots = self._named_slots()
        if _shapes(saved) != _shapes(slots):
            warnings.warn(
                f"The state of optimizer '{self.name}' is not loaded, for it "
                f"has {len(slots)} variables of its own and the saved one "
                f"{len(saved)}, or of other shapes. To go on with a state, "
                "build the optimizer that it was saved from, on the same "
                "weights.",
                stacklevel=2,
            )
            return
        for name, variable in slots.items():
            variable.assign(saved[name])

    def _named_slots(self):
        slots = self._variables[self._num_unused :]
        return {f"slot_{i}": variable for i, variable in enumerate(slots)}

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


def _shapes(slots):
    return {name: tuple(slot.shape) for name, slot in slots.items()}


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
