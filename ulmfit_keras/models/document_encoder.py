"""Reading documents of any length for a classifier."""

import contextlib

import keras
from keras import ops


def no_gradient():
    """A context in which torch keeps nothing for a backward pass.

    The graphs of TensorFlow and JAX drop by themselves what lies beneath a
    `stop_gradient`.
    """
    if keras.backend.backend() == "torch":
        import torch

        return torch.no_grad()
    return contextlib.nullcontext()


def reverse_documents(token_ids, padding_mask):
    """Reverse right-padded documents, each first token kept in its place.

    Args:
        token_ids: int (B, T); each row opens with `xxbos`.
        padding_mask: (B, T), 1 for tokens and 0 for padding.

    Returns:
        int (B, T): `xxbos`, the other tokens reversed, the padding.

    Example:

    >>> token_ids, padding_mask = [[2, 5, 6, 7, 1]], [[1, 1, 1, 1, 0]]
    >>> rows = reverse_documents(ops.array(token_ids), padding_mask)
    >>> ops.convert_to_numpy(rows).tolist()
    [[2, 7, 6, 5, 1]]
    """
    places = ops.arange(ops.shape(token_ids)[1], dtype="int32")[None]
    mask = ops.cast(ops.cast(padding_mask, "bool"), "int32")
    sizes = ops.sum(mask, axis=1, keepdims=True)
    is_moved = ops.logical_and(places > 0, places < sizes)
    places = ops.where(is_moved, sizes - places, places)
    return ops.take_along_axis(token_ids, places, axis=1)


@keras.saving.register_keras_serializable("ulmfit_keras")
class DocumentEncoder(keras.layers.Layer):
    """Encodes whole documents, the gradient reaching only their last part.

    Source: back-propagation through time for text classification (BPT3C),
    Howard & Ruder 2018, section 3.3. The tokens before the last `max_length`
    ones are read without a gradient, piece by piece, the state going on from
    one to the next; their outputs are returned all the same, so that a
    pooling above sees the whole document. What is computed at inference does
    not depend on `max_length`.

    "Last" is counted over the padded batch, so batch documents of like
    length, as `LengthBuckets` does. If the backbone reads backwards,
    documents are reversed first and the outputs are in that order.

    Args:
        backbone: an `AWDLSTMBackbone`.
        max_length: int, tokens through which the gradient flows. Defaults to
            1400 (the code released with the paper: 20 windows of 70).

    Call arguments:
        token_ids: int (B, T).
        padding_mask: (B, T), 1 for tokens and 0 for padding on the right.
        training: bool, whether to drop. Defaults to None: what Keras finds
            in the call around this one.
        perturbation: (B, T, E), added to the word vectors through which the
            gradient flows, in the order in which they are read. Defaults to
            None.

    Output shape:
        Two tensors (B, T, E): the last LSTM's outputs after and before
        dropout.

    Raises:
        ValueError: if `max_length` is below 1.

    Example:

    ```python
    encoder = DocumentEncoder(backbone, max_length=1400)
    dropped, raw = encoder(token_ids, padding_mask)
    ```
    """

    def __init__(self, backbone, max_length=1400, **kwargs):
        super().__init__(**{"dtype": backbone.dtype_policy, **kwargs})
        if max_length < 1:
            raise ValueError(
                "`max_length` must be at least 1. "
                f"Received: max_length={max_length}"
            )
        self.backbone = backbone
        self.max_length = max_length
        self.built = True

    def call(self, token_ids, padding_mask, training=None, perturbation=None):
        if self.backbone.backwards:
            token_ids = reverse_documents(token_ids, padding_mask)
        if token_ids.shape[1] is None:
            pieces, state = self.read_past_of_unknown_length(
                token_ids, training
            )
            first = ops.shape(pieces[0][0])[1]
        else:
            first = max(token_ids.shape[1] - self.max_length, 0)
            pieces, state = self.read_past(token_ids[:, :first], training)
        if perturbation is not None:
            perturbation = perturbation[:, first:]
        dropped, raw, _ = self.backbone.encode(
            token_ids[:, first:], state, training, perturbation
        )
        pieces.append((dropped, raw))
        if len(pieces) == 1:
            return dropped, raw
        dropped, raw = zip(*pieces, strict=True)
        return ops.concatenate(dropped, axis=1), ops.concatenate(raw, axis=1)

    def read_past(self, token_ids, training):
        """Read without a gradient; a list of outputs, and the last state."""
        pieces, state = [], None
        for start in range(0, token_ids.shape[1], self.max_length):
            piece = token_ids[:, start : start + self.max_length]
            with no_gradient():
                dropped, raw, state = map(
                    ops.stop_gradient,
                    self.backbone.encode(piece, state, training=training),
                )
            pieces.append((dropped, raw))
        return pieces, state

    def read_past_of_unknown_length(self, token_ids, training):
        """The same in a TensorFlow graph for any length, in one piece."""
        batch_size, length = ops.shape(token_ids)
        first = ops.maximum(length - self.max_length, 0)

        def read():
            return self.backbone.encode(token_ids[:, :first], training=training)

        def nothing():
            dtype = self.backbone.compute_dtype
            outputs = ops.zeros(
                (batch_size, 0, self.backbone.embedding_dim), dtype
            )
            state = ops.zeros((batch_size, self.backbone.state_size), dtype)
            return outputs, outputs, state

        dropped, raw, state = map(
            ops.stop_gradient, ops.cond(first > 0, read, nothing)
        )
        return [(dropped, raw)], state

    def compute_output_spec(
        self, token_ids, padding_mask, training=None, perturbation=None
    ):
        outputs = keras.KerasTensor(
            (*token_ids.shape, self.backbone.embedding_dim),
            self.backbone.compute_dtype,
        )
        return outputs, outputs

    def get_config(self):
        return {
            **super().get_config(),
            "backbone": keras.saving.serialize_keras_object(self.backbone),
            "max_length": self.max_length,
        }

    @classmethod
    def from_config(cls, config):
        backbone = keras.saving.deserialize_keras_object(config["backbone"])
        return cls(**{**config, "backbone": backbone})
