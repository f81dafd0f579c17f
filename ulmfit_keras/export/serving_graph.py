"""The inference graph of a classifier, in TensorFlow alone.

The graph is not traced from the Keras model but written out and filled with
its weights. So one graph serves models of all three backends; it holds each
weight once, as a plain `tf.Variable` under one name, which the session loader
of TensorFlow Serving needs, and nothing but operations that run on every
device.
"""

import numpy as np
import tensorflow as tf

from ulmfit_keras.export.inference_weights import array
from ulmfit_keras.export.inference_weights import dense_layers

_TOKENS_AT_ONCE = 2048
_ACTIVATIONS = {
    "single_label": tf.nn.softmax,
    "multi_label": tf.nn.sigmoid,
    "regression": tf.identity,
}


def _variable(array):
    with tf.device("CPU"):
        return tf.Variable(array, trainable=False, dtype=tf.float32)


def _lstm(x, h, c, kernel, recurrent_kernel, bias):
    """An LSTM as `ops.lstm` computes it, with nothing kept for a gradient."""
    shape = tf.shape(x)
    x = tf.reshape(x, (-1, x.shape[2])) @ kernel + bias
    x = tf.reshape(x, (shape[0], shape[1], kernel.shape[1]))
    steps = tf.TensorArray(tf.float32, shape[1])
    steps = steps.unstack(tf.transpose(x, (1, 0, 2)))
    outputs = tf.TensorArray(tf.float32, shape[1], element_shape=h.shape)

    def step(t, h, c, outputs):
        i, f, candidate, o = tf.split(
            steps.read(t) + h @ recurrent_kernel, 4, axis=1
        )
        c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(candidate)
        h = tf.sigmoid(o) * tf.tanh(c)
        return t + 1, h, c, outputs.write(t, h)

    _, h, c, outputs = tf.while_loop(
        lambda t, *_: t < shape[1], step, (0, h, c, outputs)
    )
    return tf.transpose(outputs.stack(), (1, 0, 2)), h, c


class PooledEncoder(tf.Module):
    """The encoder and the concat pooling: what a document comes down to.

    Documents are read piece by piece with carried state and pooled on the
    way, so that the memory needed does not grow with their length. A document
    that has ended drops out of the batch.

    Args:
        backbone: an `AWDLSTMBackbone`.
    """

    def __init__(self, backbone):
        super().__init__()
        self._embeddings = _variable(array(backbone.token_embedding.embeddings))
        self._lstms = [
            [
                _variable(array(weight))
                for weight in (layer.kernel, layer.recurrent_kernel, layer.bias)
            ]
            for layer in backbone.lstm_layers
        ]
        self._units = backbone.units

    def __call__(self, token_ids, lengths):
        """Read documents.

        Args:
            token_ids: int32 (B, T), padded on the right.
            lengths: int32 (B,), at least 1.

        Returns:
            float32 (B, 3E), as of `ConcatPooling`.
        """
        longest = tf.reduce_max(lengths)  # negative in an empty batch

        def full(units, value=0.0):
            return tf.fill((tf.size(lengths), units), value)

        carried = {
            "states": [[full(units), full(units)] for units in self._units],
            "last": full(self._units[-1]),
            "largest": full(self._units[-1], -np.inf),
            "total": full(self._units[-1]),
        }

        def read_piece(start, carried):
            rows = tf.where(lengths > start)
            steps = tf.maximum(_TOKENS_AT_ONCE // tf.shape(rows)[0], 1)
            piece = self._read_piece(
                tf.gather_nd(token_ids, rows)[:, start : start + steps],
                tf.gather_nd(lengths, rows) - start,
                tf.nest.map_structure(lambda x: tf.gather_nd(x, rows), carried),
            )
            carried = tf.nest.map_structure(
                lambda old, new: tf.tensor_scatter_nd_update(old, rows, new),
                carried,
                piece,
            )
            return start + steps, carried

        _, carried = tf.while_loop(
            lambda start, _: start < longest, read_piece, (0, carried)
        )
        mean = carried["total"] / tf.cast(lengths, tf.float32)[:, None]
        return tf.concat([carried["last"], carried["largest"], mean], axis=1)

    def _read_piece(self, token_ids, lengths, carried):
        x = tf.gather(self._embeddings, token_ids)
        states = []
        for state, weights in zip(carried["states"], self._lstms, strict=True):
            x, h, c = _lstm(x, *state, *weights)
            states.append([h, c])
        steps = tf.shape(x)[1]
        valid = tf.sequence_mask(lengths, steps)[:, :, None]
        largest = tf.reduce_max(tf.where(valid, x, -np.inf), axis=1)
        return {
            "states": states,
            "last": tf.gather(x, tf.minimum(lengths, steps) - 1, batch_dims=1),
            "largest": tf.maximum(carried["largest"], largest),
            "total": carried["total"]
            + tf.reduce_sum(tf.where(valid, x, 0.0), axis=1),
        }


class ClassifierGraph(tf.Module):
    """What an `AWDLSTMTextClassifier` does at inference.

    Args:
        classifier: an `AWDLSTMTextClassifier`.
    """

    def __init__(self, classifier):
        super().__init__()
        self._backwards = classifier.backbone.backwards
        self._encoder = PooledEncoder(classifier.backbone)
        self._dense_layers = [
            [_variable(weight) for weight in pair]
            for pair in dense_layers(classifier)
        ]
        self._activation = _ACTIVATIONS[classifier.problem_type]

    def __call__(self, token_ids, lengths):
        """Read documents.

        Args:
            token_ids: int32 (B, T), padded on the right; each row opens with
                `xxbos`.
            lengths: int32 (B,), at least 1.

        Returns:
            float32 (B, C), as of the classifier's `predict`.
        """
        if self._backwards:
            start, tokens = token_ids[:, :1], token_ids[:, 1:]
            tokens = tf.reverse_sequence(tokens, lengths - 1, seq_axis=1)
            token_ids = tf.concat([start, tokens], axis=1)
        x = self._encoder(token_ids, lengths)
        (hidden_kernel, hidden_bias), (kernel, bias) = self._dense_layers
        x = tf.nn.relu(x @ hidden_kernel + hidden_bias)
        return self._activation(x @ kernel + bias)
