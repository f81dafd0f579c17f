"""What every exported form of a classifier takes from the Keras model."""

import keras
import numpy as np


def directions(classifier):
    """The classifiers, of one or both directions, whose mean is the output.

    Args:
        classifier: an `AWDLSTMTextClassifier` or a
            `BidirectionalTextClassifier`.

    Returns:
        A list of `AWDLSTMTextClassifier`s.

    Raises:
        ValueError: if there is no preprocessor, or a layer is quantized.
    """
    if classifier.preprocessor is None:
        raise ValueError(
            "A model is exported with its tokenizer: set its `preprocessor`. "
            "Received: preprocessor=None"
        )
    members = [classifier]
    if hasattr(classifier, "backward_classifier"):
        members = [
            classifier.forward_classifier,
            classifier.backward_classifier,
        ]
    for member in members:
        for layer in (member.backbone.token_embedding, *member.head):
            policy = layer.dtype_policy
            if isinstance(policy, keras.dtype_policies.QuantizedDTypePolicy):
                raise ValueError(
                    "A quantized model cannot be exported; export the model "
                    f"as it was before. Received: layer {layer.name!r} with "
                    f"dtype policy {policy.name!r}"
                )
    return members


def array(variable, dtype="float32"):
    """A Keras variable as a NumPy array."""
    return keras.ops.convert_to_numpy(variable).astype(dtype)


def dense_layers(classifier):
    """The head as two dense layers, a ReLU between them.

    The batch normalization in front of each is folded into it, and dropout
    does nothing at inference.

    Returns:
        Two pairs (kernel, bias), float64 arrays (inputs, outputs) and
        (outputs,).
    """
    pooling_norm, _, head_dense, head_norm, _, output_dense = classifier.head
    return [
        _folded(pooling_norm, head_dense),
        _folded(head_norm, output_dense),
    ]


def _folded(norm, dense):
    gamma, beta, mean, variance = (
        array(variable, "float64")
        for variable in (
            norm.gamma,
            norm.beta,
            norm.moving_mean,
            norm.moving_variance,
        )
    )
    kernel = array(dense.kernel, "float64")
    scale = gamma / np.sqrt(variance + norm.epsilon)
    bias = array(dense.bias, "float64") + (beta - mean * scale) @ kernel
    return scale[:, None] * kernel, bias
