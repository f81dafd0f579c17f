"""The layers of any model as groups, lowest first."""

import itertools
import re
import sys

import keras

from ulmfit_keras.optimizers.keras_hooks import walk_layers


def layer_groups(model):
    """Splits a model's layers into groups for discriminative fine-tuning.

    The groups are, for

    - a model that has a `layer_groups()` method: what it returns;
    - a KerasHub task or backbone, or a model around one, whose blocks are
      numbered layers: "embeddings", one group for each block, and "head" for
      all that follows the last block, such as the pooler;
    - any other model: one group for each of its layers that has trainable
      weights, in the model's order.

    Weights of the model itself, in none of its layers, are in the highest
    group. Weights of several layers that have one path, by which groups are
    told apart, are in the lowest group of these layers, as the position biases
    of KerasHub's T5.

    In a deep model of the last kind a rate that falls with every layer soon
    vanishes; write coarser groups by hand there. Give layers within two models
    names that differ, and layers that were made before the layer around them:
    the optimizer refuses groups with variables of the same path, and in a
    loaded model a path lacks the name of what is around.

    Args:
        model: a built `keras.Model`.

    Returns:
        List of (name, [patterns]) for `DiscriminativeOptimizer`. A pattern
        finds a layer by its name, wherever the model itself is placed.

    Raises:
        ValueError: if no layer has trainable weights.

    Example:

    ```python
    layer_groups(keras_hub.models.BertTextClassifier(...))
    # [("embeddings", ["(^|/)token_embedding/", ...]),
    #  ("transformer_layer_0", ["(^|/)transformer_layer_0/"]), ...,
    #  ("head", ["(^|/)pooled_dense/", "(^|/)logits/"])]
    ```
    """
    own = getattr(model, "layer_groups", None)
    if own is not None:
        return own()
    layers = []
    for layer in model.layers:
        opened = layer.layers if _has_blocks(layer) else [layer]
        layers += [item for item in opened if item not in layers]
    layers = [layer for layer in layers if layer.trainable_variables]
    if not layers:
        raise ValueError(
            "The model has no layer with trainable weights. Build it first, "
            "and freeze layers through the optimizer, not through "
            f"`layer.trainable`. Received: model={model}"
        )
    # Only within a backbone: Keras numbers what is around it, too.
    inner = {
        id(layer)
        for backbone in filter(_has_blocks, [model, *model.layers])
        for layer in backbone.layers
    }
    blocks = [
        i
        for i, layer in enumerate(layers)
        if id(layer) in inner and _is_block(layer)
    ]
    if not blocks:
        return _groups(model, [(layer.name, [layer]) for layer in layers])
    starts = [*blocks, blocks[-1] + 1]
    groups = [
        ("embeddings", layers[: blocks[0]]),
        *((layers[i].name, layers[i:j]) for i, j in itertools.pairwise(starts)),
        ("head", layers[starts[-1] :]),
    ]
    return _groups(model, [group for group in groups if group[1]])


def _groups(model, layers_of):
    """Turns (name, [layers]) into (name, [patterns])."""
    groups, taken = [], set()
    for i, (name, members) in enumerate(layers_of):
        others = [
            layer
            for j, (_, layers) in enumerate(layers_of)
            for layer in layers
            if j != i
        ]
        patterns = [
            _outside(pattern, members, others)
            for layer in members
            for pattern in _patterns(layer)
        ]
        # A path that two layers have goes to the lower.
        patterns = [p for p in dict.fromkeys(patterns) if p not in taken]
        taken.update(p for p in patterns if p.endswith("$"))
        groups.append((name, patterns))
    of_layers = {
        id(variable)
        for _, layers in layers_of
        for layer in layers
        for variable in layer.trainable_variables
    }
    groups[-1][1].extend(
        _path_pattern(variable)
        for variable in model.trainable_variables
        if id(variable) not in of_layers
    )
    return groups


def _outside(pattern, members, others):
    """The pattern, but not within other layers that have such a layer in them.

    Args:
        pattern: one of the patterns of a layer.
        members: the layers of its group.
        others: the layers of all other groups.
    """
    own = [v for layer in members for v in layer.trainable_variables]
    own_ids = set(map(id, own))
    around = {
        other_pattern: None
        for other in others
        for variable in other.trainable_variables
        if id(variable) not in own_ids and re.search(pattern, variable.path)
        for other_pattern in _patterns(other)
        if re.search(other_pattern, variable.path)
        and not any(re.search(other_pattern, v.path) for v in own)
    }
    return f"^(?!.*({'|'.join(around)})).*{pattern}" if around else pattern


def _patterns(layer):
    """Patterns for the paths of a layer's trainable variables.

    A path holds the name of a layer, but that of a model around it or not,
    depending on which was built first and whether it was loaded from a file.
    """
    patterns = [f"(^|/){re.escape(layer.name)}/"]
    if isinstance(layer, keras.Model):
        patterns = [p for inner in layer.layers for p in _patterns(inner)]
    others = [
        _path_pattern(variable)
        for variable in layer.trainable_variables
        if not any(re.search(pattern, variable.path) for pattern in patterns)
    ]
    return [*patterns, *others] if layer.trainable_variables else []


def _path_pattern(variable):
    return f"(^|/){re.escape(variable.path)}$"


def _has_blocks(layer):
    """Whether this is a KerasHub backbone with numbered blocks."""
    # Whoever has such a layer has imported the library.
    keras_hub = sys.modules.get("keras_hub")
    return (
        keras_hub is not None
        and isinstance(layer, keras_hub.models.Backbone)
        and any(_is_block(inner) for inner in layer.layers)
    )


def _is_block(layer):
    """Whether this is a numbered layer that is made of layers."""
    return (
        re.search(r"_\d+$", layer.name) is not None
        and len(walk_layers(layer)) > 1
    )
