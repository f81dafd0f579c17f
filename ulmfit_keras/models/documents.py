"""Prediction for documents of any length, as texts or as token ids."""

import keras
import numpy as np

from ulmfit_keras.data import LengthBuckets


def as_documents(x):
    """The documents that `x` holds, as a list.

    Args:
        x: one text; or texts or documents as token ids in a list, a tuple, a
            string array or a data frame's column.

    Returns:
        A list of documents, or None if `x` is something else.
    """
    if isinstance(x, (str, bytes)):
        return [x]
    if isinstance(x, (list, tuple)):
        return list(x)
    if isinstance(x, np.ndarray) and x.dtype.kind in "OSU":
        return x.ravel().tolist()
    return x.to_list() if hasattr(x, "to_list") else None


def document_ids(documents, preprocessor):
    """The token ids of documents, cut off where the preprocessor would.

    Args:
        documents: a list of texts or of sequences of token ids.
        preprocessor: an `AWDLSTMTextClassifierPreprocessor`; or None, then
            `documents` must be token ids.

    Returns:
        A list of sequences of ints.

    Raises:
        ValueError: for anything else, or texts without preprocessor.
    """
    are_texts = {isinstance(d, (str, bytes)) for d in documents}
    if len(are_texts) > 1 or not all(hasattr(d, "__len__") for d in documents):
        raise ValueError(
            "Documents must be all texts or all lists of token ids. "
            f"Received: {documents[:3]!r}, …"
        )
    if True in are_texts and preprocessor is None:
        raise ValueError(
            "A model without a preprocessor reads token ids; set its "
            f"`preprocessor` to read texts. Received: {documents[:3]!r}, …"
        )
    if True in are_texts:
        return preprocessor.token_ids(documents)
    size = None if preprocessor is None else preprocessor.sequence_length
    return [document[:size] for document in documents]


def document_batches(
    x, y, sample_weight, preprocessor, batch_size, shuffle=False
):
    """Training or validation data in length buckets.

    Args:
        x: documents as `as_documents` takes them, or something else.
        y: their targets.
        sample_weight: their weights, or None.
        preprocessor: see `document_ids`.
        batch_size: int, most documents in a batch.
        shuffle: bool. Defaults to False.

    Returns:
        `LengthBuckets`, or None if `x` holds no documents.
    """
    documents = as_documents(x)
    if documents is None:
        return None
    return LengthBuckets(
        document_ids(documents, preprocessor),
        targets=y,
        sample_weight=sample_weight,
        batch_size=batch_size,
        shuffle=shuffle,
        # Drawn so that `keras.utils.set_random_seed` governs it.
        seed=np.random.randint(2**31),
    )


def predict_documents(model, documents, batch_size, verbose=0):
    """Outputs of a model for documents, in length buckets.

    Batch by batch: the pipeline that `keras.Model.predict` sets up for a data
    set takes TensorFlow longer than to read a short text.

    JAX compiles each shape of a batch, so it gets few, those of short batches
    filled up. The others get no more padding than their longest document
    needs.

    Args:
        model: a Keras model with a `preprocessor` that maps batches of
            token ids to one float32 array.
        documents: a list of texts or of sequences of token ids.
        batch_size: int, most documents in a batch.
        verbose: 0 for silence, else a progress bar. Defaults to 0.

    Returns:
        float32 array, one row per document, in their order.
    """
    if not documents:
        return np.zeros((0, *model.output_shape[1:]), "float32")
    batches = LengthBuckets(
        document_ids(documents, model.preprocessor), batch_size=batch_size
    )
    progress = keras.utils.Progbar(len(batches), verbose=int(bool(verbose)))
    outputs = []
    for index in range(len(batches)):
        batch = batches[index]
        rows, length = batch["token_ids"].shape
        if keras.backend.backend() == "jax":
            batch = fill_up(batch, batches.rows_in_batch(length))
        else:
            batch = cut_padding(batch)
        # Not the KerasHub task's own, which takes texts.
        found = keras.Model.predict_on_batch(model, batch)
        outputs.append(found[:rows])
        progress.update(index + 1)
    return batches.restore(np.concatenate(outputs))


def cut_padding(batch):
    """A batch of `LengthBuckets` less the columns that hold only padding."""
    longest = batch["padding_mask"].sum(axis=1).max()
    return {name: values[:, :longest] for name, values in batch.items()}


def fill_up(batch, most):
    """A batch with its last row repeated: to a power of two, or to `most`."""
    rows = len(batch["token_ids"])
    more = min(1 << (rows - 1).bit_length(), most) - rows
    return {
        name: np.pad(values, [(0, more), (0, 0)], mode="edge")
        for name, values in batch.items()
    }
