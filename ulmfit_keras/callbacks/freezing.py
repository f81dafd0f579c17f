"""Make frozen groups free of cost and of side effects in the model."""

import keras

from ulmfit_keras.layers.gradient_boundary import GradientBoundary
from ulmfit_keras.optimizers.keras_hooks import walk_layers


class _InferenceCall:
    """Stands in for `layer.call` and always runs it in inference mode."""

    def __init__(self, call):
        self.call = call

    def __call__(self, *args, **kwargs):
        return self.call(*args, **{**kwargs, "training": False})


def freeze_groups(model, optimizer):
    """Brings a model in line with the frozen groups of its optimizer.

    Closes the gradient boundaries that have only frozen groups beneath, runs
    batch normalization of frozen groups in inference mode, and on torch turns
    off the gradients of frozen variables. The same call undoes all that for
    groups that are not frozen. `layer.trainable` stays as it is, since it
    decides which variables the model and optimizer have.

    Args:
        model: `keras.Model`.
        optimizer: the `DiscriminativeOptimizer` that trains it.
    """
    frozen = optimizer.frozen
    lowest = min(set(range(len(optimizer.groups))) - frozen)
    for layer in walk_layers(model):
        if isinstance(layer, GradientBoundary):
            layer.closed = lowest >= layer.groups_below
        elif isinstance(layer, keras.layers.BatchNormalization) and layer.built:
            group = optimizer.group_index(layer.variables[0].path)
            _run_in_inference_mode(layer, group in frozen)
    if keras.backend.backend() == "torch":
        for variable in model.trainable_variables:
            group = optimizer.group_index(variable.path)
            variable.value.requires_grad_(group not in frozen)


def _run_in_inference_mode(layer, frozen):
    stands_in = isinstance(vars(layer).get("call"), _InferenceCall)
    if frozen and not stands_in:
        layer.call = _InferenceCall(layer.call)
    elif stands_in and not frozen:
        del layer.call
