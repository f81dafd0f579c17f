"""Make frozen groups free of cost and of side effects in the model."""

import keras

from ulmfit_keras.layers.gradient_boundary import GradientBoundary
from ulmfit_keras.optimizers.keras_hooks import walk_layers

_NORMALIZATIONS = (
    keras.layers.BatchNormalization,
    keras.layers.SpectralNormalization,
)


class _InferenceCall:
    """Stands in for `layer.call` and always runs it in inference mode."""

    def __init__(self, call):
        self.call = call

    def __call__(self, *args, **kwargs):
        return self.call(*args, **{**kwargs, "training": False})


def freeze_groups(model, optimizer):
    """Brings a model in line with the frozen groups of its optimizer.

    Closes the gradient boundaries that have only frozen groups beneath, runs
    batch and spectral normalization of frozen groups in inference mode, since
    both change weights by themselves, and on torch turns off the gradients of
    frozen variables. The same call undoes all that for groups that are not
    frozen. `layer.trainable` stays as it is, since it decides which variables
    the model and optimizer have.

    Args:
        model: `keras.Model`.
        optimizer: the `DiscriminativeOptimizer` that trains it.
    """
    frozen = optimizer.frozen
    lowest = min(set(range(len(optimizer.groups))) - frozen)
    layers = walk_layers(model)
    for layer in layers:
        if isinstance(layer, GradientBoundary):
            layer.closed = lowest >= layer.groups_below
        elif isinstance(layer, _NORMALIZATIONS) and layer.built:
            groups = {optimizer.group_index(v.path) for v in layer.variables}
            _run_in_inference_mode(layer, not groups.isdisjoint(frozen))
    # A backbone knows what is beneath, in whatever groups that may be.
    for backbone in layers:
        if hasattr(backbone, "layers_beneath"):
            for boundary, beneath in backbone.layers_beneath():
                boundary.closed = all(
                    optimizer.group_index(variable.path) in frozen
                    for layer in beneath
                    for variable in layer.trainable_variables
                )
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
