"""The one place that reaches into private parts of Keras.

Keras has no public way to give variables learning rates of their own within
one optimizer. Three methods of the optimizer are replaced on the instance:

- `update_step(gradient, variable, learning_rate)`, documented by Keras as the
  method that subclasses write, or on torch its parallel form;
- `_apply_weight_decay(variables)`, which reads the rate by itself, through
- `_get_current_learning_rate()`.

Averaging of the weights (`use_ema`) covers all variables, through two lists.
A schedule cannot be read back from the optimizer that follows it, nor the step
it is at, the averages that Adam keeps have no public names, and a callback
cannot choose the first epoch.
Nor is there a public way to the layers within a layer that is no model, nor
one to build an optimizer without the slots that its settings ask for.

`tests/optimizers/test_keras_hooks.py` fails when Keras changes any of them.
"""

import functools

import keras
from keras import ops

HOOKS = (
    "update_step",
    "_apply_weight_decay",
    "_get_current_learning_rate",
    "_get_variable_index",
    "_use_weight_decay",
)


def scale_learning_rates(optimizer, multiplier_of):
    """Makes an optimizer use a multiple of its rate for each variable.

    Args:
        optimizer: Keras optimizer, changed in place.
        multiplier_of: function from the index of a variable, in the order the
            optimizer was built with, to the factor of its learning rate.

    Raises:
        NotImplementedError: if the optimizer lacks one of the hooks or leaves
            its work to others.
        ValueError: if the optimizer has been changed like this before.
    """
    if "update_step" in vars(optimizer):
        raise ValueError(
            "An optimizer can be wrapped once only, its rates would be scaled "
            f"twice. Make a new one. Received: {optimizer.name}"
        )
    # Older versions of Keras have none.
    if isinstance(optimizer, getattr(keras.optimizers, "MultiOptimizer", ())):
        raise NotImplementedError(
            "A `MultiOptimizer` has no rate that groups could have multiples "
            "of. Wrap one plain Keras optimizer, or use the `MultiOptimizer` "
            "by itself and set the rate of each optimizer in it. "
            f"Received: optimizer={type(optimizer).__name__}"
        )
    missing = [name for name in HOOKS if not hasattr(optimizer, name)]
    if missing or hasattr(optimizer, "inner_optimizer"):
        raise NotImplementedError(
            "Learning rates per group need a plain Keras optimizer with the "
            f"methods {list(HOOKS)}. Wrap the plain optimizer first and put "
            "other wrappers around the result. "
            f"Received: {type(optimizer).__name__} of keras "
            f"{keras.__version__} without {missing}"
        )
    update_step = optimizer.update_step
    apply_weight_decay = optimizer._apply_weight_decay
    current_learning_rate = optimizer._get_current_learning_rate
    decay_multiplier = None

    def by_multiplier(variables):
        """Lists of positions in `variables` with a common multiplier."""
        positions = {}
        for i, variable in enumerate(variables):
            index = optimizer._get_variable_index(variable)
            positions.setdefault(multiplier_of(index), []).append(i)
        return positions.items()

    def scaled_update_step(gradient, variable, learning_rate):
        index = optimizer._get_variable_index(variable)
        rate = ops.multiply(learning_rate, multiplier_of(index))
        return update_step(gradient, variable, rate)

    def scaled_parallel_update_step(gradients, variables, learning_rate):
        # Nadam advances this product in every call, but is to do so in every
        # step: each group starts from the value before the step.
        product = getattr(optimizer, "_u_product", None)
        before = None if product is None else ops.copy(product)
        for multiplier, positions in by_multiplier(variables):
            if before is not None:
                product.assign(before)
            parallel_update_step(
                [gradients[i] for i in positions],
                [variables[i] for i in positions],
                ops.multiply(learning_rate, multiplier),
            )

    def scaled_learning_rate():
        rate = current_learning_rate()
        if decay_multiplier is None:
            return rate
        return ops.multiply(rate, decay_multiplier)

    def scaled_weight_decay(variables):
        nonlocal decay_multiplier
        variables = [v for v in variables if optimizer._use_weight_decay(v)]
        for multiplier, positions in by_multiplier(variables):
            decay_multiplier = multiplier
            try:
                apply_weight_decay([variables[i] for i in positions])
            finally:
                decay_multiplier = None

    replacements = {
        "update_step": scaled_update_step,
        "_apply_weight_decay": scaled_weight_decay,
        "_get_current_learning_rate": scaled_learning_rate,
    }
    if hasattr(optimizer, "_parallel_update_step"):
        parallel_update_step = optimizer._parallel_update_step
        replacements["_parallel_update_step"] = scaled_parallel_update_step
    for name, replacement in replacements.items():
        # Not `setattr`: Keras tracks what is set on an optimizer.
        object.__setattr__(optimizer, name, replacement)


def leave_out_of_averages(optimizer, is_frozen):
    """Hides frozen variables from an optimizer's averaging of the weights.

    The average of a constant is not that constant in floating point, and
    averages are written back to the variables. The average of a frozen
    variable becomes the variable. It stays so until the next call, which is
    needed before each step, since what is frozen may change.

    Args:
        optimizer: built Keras optimizer with `use_ema`.
        is_frozen: function from a variable to whether it is left out.
    """
    replace = functools.partial(object.__setattr__, optimizer)
    # The lists are whole in the first call only, and are not made whole after
    # a step: the replicas of a distributed model take theirs by turns.
    if not hasattr(optimizer, "_averaged_pairs"):
        variables = optimizer._trainable_variables
        averages = optimizer._model_variables_moving_average
        replace("_averaged_pairs", list(zip(variables, averages, strict=True)))
    pairs = optimizer._averaged_pairs
    live = [pair for pair in pairs if not is_frozen(pair[0])]
    replace("_trainable_variables", [variable for variable, _ in live])
    replace("_model_variables_moving_average", [a for _, a in live])
    for variable, average in pairs:
        if average is not None and is_frozen(variable):
            # A copy: under JAX two variables may not share a buffer.
            average.assign(ops.copy(variable))


def unshare_averages(optimizer):
    """Gives averages their own memory after they became the weights.

    Keras lets weight and average share a buffer then, and JAX refuses to
    donate one buffer twice in the first step of the next `fit`.

    Args:
        optimizer: built Keras optimizer with `use_ema`.
    """
    for average in optimizer._model_variables_moving_average:
        if average is not None:
            average.assign(ops.copy(average))


def build_without_slots(optimizer, variables):
    """Has an optimizer know its variables and make none of its own.

    Keras makes averages and sums of gradients as the settings ask for them,
    and those of a wrapper are the settings of the optimizer within.

    Args:
        optimizer: Keras optimizer that is not built.
        variables: list of the variables that it trains.
    """
    # Not `setattr`: Keras tracks what is set on an optimizer.
    replace = functools.partial(object.__setattr__, optimizer)
    keys = map(optimizer._var_key, variables)
    replace("_trainable_variables_indices", {k: i for i, k in enumerate(keys)})
    replace("_trainable_variables", list(variables))
    optimizer.built = True


def learning_rate_source(optimizer):
    """What an optimizer's rate comes from: a variable or a schedule.

    Asking for `optimizer.learning_rate` gives the rate of the moment.
    """
    return optimizer._learning_rate


def steps_of_schedules(optimizer):
    """The number that an optimizer's next step has for a schedule.

    Under gradient accumulation it counts batches; `optimizer.iterations`
    counts whole windows of them.
    """
    return int(ops.convert_to_numpy(optimizer._iterations))


def adam_averages(optimizer, variable):
    """Adam's averages of a variable's gradient and of its square.

    Args:
        optimizer: built `keras.optimizers.Adam`.
        variable: Keras variable, or the backend's own.

    Returns:
        Two Keras variables.
    """
    index = optimizer._get_variable_index(variable)
    return optimizer._momentums[index], optimizer._velocities[index]


def start_at_epoch(model, epoch):
    """Has the `fit` that is about to begin start with a later epoch.

    Args:
        model: `keras.Model`, from within a callback's `on_train_begin`.
        epoch: int, number of the first epoch to run; None for what `fit` is
            told.
    """
    if not hasattr(model, "_initial_epoch"):
        raise NotImplementedError(
            "A callback cannot choose the first epoch with this version of "
            f"Keras; use `fit(initial_epoch={epoch})`. "
            f"Received: keras {keras.__version__}"
        )
    model._initial_epoch = epoch


def walk_layers(layer):
    """List of a layer and all layers within it, at any depth, each once."""
    if not hasattr(layer, "_flatten_layers"):
        raise NotImplementedError(
            "The layers within a layer cannot be listed with this version of "
            f"Keras. Received: keras {keras.__version__}"
        )
    return list(layer._flatten_layers())
