"""Classifiers of fastai, read."""

import numpy as np

from ulmfit_keras.convert.errors import CheckpointError
from ulmfit_keras.convert.language_models import read_weights
from ulmfit_keras.models import AWDLSTMTextClassifier
from ulmfit_keras.models import AWDLSTMTextClassifierPreprocessor


def read_text_classifier(
    path,
    itos=None,
    labels=None,
    problem_type="single_label",
    backwards=False,
):
    """Read a classifier that fastai trained.

    No code of the files is run, and torch is not needed. fastai pads texts on
    the left and here it is on the right; a text without padding gets the same
    outputs. A backward model of fastai read `xxbos` last, here it is first.

    Args:
        path: of the weights, as `learn.save` of fastai 1 or 2 writes them,
            with one hidden layer in the head (`lin_ftrs=[50]`, its default).
        itos: the token of each id; see `read_language_model`. Of fastai 2's
            `dls.vocab` it is the first part. Defaults to None: the ids of the
            file, no preprocessor.
        labels: list of str, names of the classes in fastai's order, the
            second part of `dls.vocab`. Defaults to None.
        problem_type: as in `AWDLSTMTextClassifier`; no file tells it.
            Defaults to "single_label".
        backwards: bool, whether the model was trained on reversed texts.
            Defaults to False.

    Returns:
        An `AWDLSTMTextClassifier`, with fastai's dropout rates.

    Raises:
        CheckpointError: as `read_language_model`, or if the head is another.
        ValueError: if labels or `problem_type` do not fit.

    Example:

    ```python
    classifier = read_text_classifier(
        "models/imdb.pth", "itos.pkl", labels=["neg", "pos"]
    )
    ```
    """
    backbone, tokenizer, weights, _ = read_weights(
        path, itos, "fastai_classifier", backwards
    )
    pooling_norm, dense, head_norm, output = _layers(
        weights.head, 3 * backbone.embedding_dim, path
    )
    preprocessor = tokenizer and AWDLSTMTextClassifierPreprocessor(tokenizer)
    classifier = AWDLSTMTextClassifier(
        backbone,
        num_classes=len(output[1]),
        preprocessor=preprocessor,
        problem_type=problem_type,
        labels=labels,
        head_dim=len(dense[1]),
    )
    arrays = [*pooling_norm, *dense, *head_norm, *output]
    variables = [
        variable
        for layer in classifier.head
        if layer.weights
        for variable in _variables(layer)
    ]
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)
    return classifier


def _variables(layer):
    if hasattr(layer, "gamma"):
        return [
            layer.gamma,
            layer.beta,
            layer.moving_mean,
            layer.moving_variance,
        ]
    return [layer.kernel, layer.bias]


def _layers(head, input_dim, path):
    """The arrays of norm, dense, norm, dense, in the order of `_variables`."""
    modules = {}
    for name, array in head.items():
        module, _, parameter = name.rpartition(".")
        modules.setdefault(module, {})[parameter] = array
    try:
        # fastai 1 counts 0, 2, 4, 6 and fastai 2 0.0, 0.2, 1.0, 1.2.
        first, second, third, fourth = (
            modules[module]
            for module in sorted(
                modules, key=lambda name: [int(n) for n in name.split(".")]
            )
        )
        pooling_norm = _norm(first, input_dim)
        dense = _dense(second, input_dim)
        head_dim = len(dense[1])
        return (
            pooling_norm,
            dense,
            _norm(third, head_dim),
            _dense(fourth, head_dim),
        )
    except (ValueError, LookupError) as error:
        shapes = {name: array.shape for name, array in head.items()}
        raise CheckpointError(
            "A classifier of fastai must have a head of batch norm, linear, "
            "batch norm, linear layer that fit each other and read "
            f"{input_dim} numbers. Received: {path}, with {shapes}"
        ) from error


def _norm(parts, size):
    names = ("weight", "bias", "running_mean", "running_var")
    arrays = [parts[name] for name in names]
    if any(array.shape != (size,) for array in arrays):
        raise ValueError("a batch norm of another size")
    return arrays


def _dense(parts, size):
    weight = parts["weight"]
    if weight.ndim != 2 or weight.shape[1] != size or not len(weight):
        raise ValueError("a linear layer of another size")
    # fastai 2 gives none where a batch norm comes before.
    bias = parts.get("bias", np.zeros(len(weight)))
    if bias.shape != (len(weight),):
        raise ValueError("a bias of another size")
    return [weight.T, bias]
