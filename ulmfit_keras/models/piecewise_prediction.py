"""Prediction for documents of any length, piece by piece."""

import keras
import numpy as np
from keras import ops

from ulmfit_keras.data.length_buckets import bucket_lengths
from ulmfit_keras.data.length_buckets import flatten_documents
from ulmfit_keras.data.token_stream import reverse_between

# A piece of a batch of 64 has 32 tokens of each document: few enough that
# little of it lies behind an end.
_TOKENS_AT_ONCE = 2048
_FEWEST_STEPS = 32


class PieceReader(keras.Model):
    """What a classifier says of documents, read up to some place.

    Args:
        classifier: an `AWDLSTMTextClassifier`; they share all layers.

    Call arguments:
        inputs: a dict of "token_ids", int (B, T), the next piece of each
            document; "lengths", int (B,), how many of them are tokens and
            not padding, at least 1; and "carried", as returned for the piece
            before, from `start` for the first one.

    Returns:
        A dict of "carried" and "outputs", float32 (B, C).
    """

    def __init__(self, classifier):
        # The layers keep their dtypes. What is carried is float32.
        super().__init__(dtype="float32")
        self.backbone = classifier.backbone
        self.head = classifier.head
        self.output_activation = classifier.output_activation
        self.weights_read = weights_of(classifier)
        self.built = True

    def start(self, rows):
        """What is carried into the first pieces of that many documents."""
        sizes = {
            "state": self.backbone.state_size,
            "largest": self.backbone.embedding_dim,
            "total": self.backbone.embedding_dim,
            "count": 1,
        }
        carried = {
            name: np.zeros((rows, size), "float32")
            for name, size in sizes.items()
        }
        carried["largest"] -= np.inf
        return carried

    def call(self, inputs):
        before = inputs["carried"]
        lengths = inputs["lengths"][:, None]
        hidden, _, state = self.backbone.encode(
            inputs["token_ids"], before["state"], training=False
        )
        hidden = ops.cast(hidden, "float32")
        places = ops.arange(ops.shape(hidden)[1])[None]
        valid = (places < lengths)[:, :, None]
        last = ops.take_along_axis(hidden, lengths[:, :, None] - 1, axis=1)
        largest = ops.max(ops.where(valid, hidden, -float("inf")), axis=1)
        carried = {
            "state": ops.cast(state, "float32"),
            "largest": ops.maximum(before["largest"], largest),
            "total": before["total"]
            + ops.sum(ops.where(valid, hidden, 0.0), axis=1),
            "count": before["count"] + ops.cast(lengths, "float32"),
        }
        # As `ConcatPooling` does for whole documents.
        mean = carried["total"] / carried["count"]
        x = ops.concatenate([last[:, 0], carried["largest"], mean], axis=-1)
        for layer in self.head:
            x = layer(x, training=False)
        return {"carried": carried, "outputs": self.output_activation(x)}


def weights_of(classifier):
    """What tells a classifier from itself before its layers got others.

    Quantization and LoRA exchange weights. A compiled graph holds on to
    those that it was traced with.
    """
    return tuple((w.path, w.dtype) for w in classifier.weights)


def predict_documents(classifier, documents, batch_size, verbose=0):
    """Outputs of a classifier for documents, read piece by piece.

    A batch of documents is read at a time, the longest first. Where one
    ends, the next begins in its place, so that the batch stays full, little
    of it is padding, and the memory needed does not grow with the lengths.

    Args:
        classifier: an `AWDLSTMTextClassifier`.
        documents: a list of sequences of token ids.
        batch_size: int, most documents in a batch, or None for 64.
        verbose: 0 for silence, else a progress bar. Defaults to 0.

    Returns:
        float32 array, one row per document, in their order.

    Raises:
        ValueError: if `batch_size` is below 1, or a document has no token.
    """
    if batch_size is None:
        batch_size = 64
    if batch_size < 1:
        raise ValueError(
            "`batch_size` must be at least 1. "
            f"Received: batch_size={batch_size}"
        )
    outputs = np.zeros((len(documents), classifier.num_classes), "float32")
    if not documents:
        return outputs
    lengths, ids = flatten_documents(documents)
    starts = np.cumsum(lengths) - lengths
    if classifier.backbone.backwards:
        ids = reverse_between(ids, starts)
    order = np.argsort(-lengths, kind="stable")
    # As many rows for all pieces, on JAX, which compiles each shape.
    full = min(batch_size, 1 << (len(order) - 1).bit_length())
    progress = keras.utils.Progbar(
        len(ids), verbose=int(bool(verbose)), unit_name="token"
    )
    reader = classifier.piece_reader

    # Rows of the batch: numbers of documents, and how far they were read.
    rows, places, carried = order[:0], order[:0], reader.start(0)
    while len(order) or len(rows):
        new, order = np.split(order, [batch_size - len(rows)])
        rows = np.append(rows, new)
        places = np.append(places, np.zeros_like(new))
        carried = keras.tree.map_structure(
            lambda old, new: np.concatenate([old, new]),
            carried,
            reader.start(len(new)),
        )
        piece = cut_piece(ids, starts[rows] + places, lengths[rows] - places)
        found = read(reader, {**piece, "carried": carried}, full)
        outputs[rows] = found["outputs"]
        places = places + piece["lengths"]
        goes_on = places < lengths[rows]
        rows, places = rows[goes_on], places[goes_on]
        carried = keras.tree.map_structure(
            lambda kept: kept[goes_on],  # noqa: B023
            found["carried"],
        )
        progress.add(piece["lengths"].sum())
    return outputs


def cut_piece(ids, starts, left):
    """The next tokens of some documents.

    Args:
        ids: int array, all documents, one after the other.
        starts: int array (B,), where in it the pieces begin.
        left: int array (B,), how many tokens of each document are left.

    Returns:
        A dict of "token_ids" (B, T) and "lengths" (B,), see `PieceReader`.
    """
    steps = max(_TOKENS_AT_ONCE // len(left), _FEWEST_STEPS)
    steps = min(steps, left.max())
    if keras.backend.backend() == "jax":
        steps = bucket_lengths(steps)[-1]
    sizes = np.minimum(left, steps)
    places = np.arange(steps)
    valid = places < sizes[:, None]
    token_ids = np.zeros(valid.shape, "int32")
    token_ids[valid] = ids[(starts[:, None] + places)[valid]]
    return {"token_ids": token_ids, "lengths": sizes.astype("int32")}


def read(reader, piece, full):
    """Read a piece, on JAX with its last row repeated to a full batch."""
    if keras.backend.backend() != "jax":
        return reader.predict_on_batch(piece)
    rows = len(piece["lengths"])
    piece = keras.tree.map_structure(
        lambda x: np.pad(
            x, [(0, full - rows)] + [(0, 0)] * (x.ndim - 1), "edge"
        ),
        piece,
    )
    found = reader.predict_on_batch(piece)
    return keras.tree.map_structure(lambda x: x[:rows], found)
