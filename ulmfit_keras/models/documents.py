"""What classifiers take as documents: texts or token ids."""

import math

import numpy as np

from ulmfit_keras.data import LengthBuckets


def is_text(x):
    """Whether `x` is one text."""
    return isinstance(x, (str, bytes))


def as_documents(x):
    """The documents that `x` holds, as a list.

    Args:
        x: one text; or texts or documents as token ids in a list, a tuple, a
            string array or a data frame's column.

    Returns:
        A list of documents, or None if `x` is something else.
    """
    if is_text(x):
        return [x]
    if isinstance(x, (list, tuple)):
        return [_alone(document) for document in x]
    if isinstance(x, np.ndarray) and x.dtype.kind in "OSTU":
        return x.ravel().tolist()
    return x.to_list() if hasattr(x, "to_list") else None


def hold_out(x, y, sample_weight, share):
    """The last share of documents for validation, as Keras holds it out.

    Args:
        x: documents as `as_documents` takes them.
        y: their targets, or None.
        sample_weight: their weights, or None.
        share: float in (0, 1).

    Returns:
        A pair of (x, y, sample_weight), to train on and to validate on.

    Raises:
        ValueError: if either would be empty.
    """
    documents = as_documents(x)
    place = math.floor(len(documents) * (1 - share))
    if not 0 < place < len(documents):
        raise ValueError(
            "`validation_split` must leave documents on both sides. "
            f"Received: validation_split={share} of {len(documents)} documents"
        )
    others = [v if v is None else np.asarray(v) for v in (y, sample_weight)]
    return tuple(
        (documents[rows], *(v if v is None else v[rows] for v in others))
        for rows in (slice(place), slice(place, None))
    )


def _alone(document):
    """The text of a list with one text, as of an array (texts, 1)."""
    is_row = isinstance(document, (list, tuple)) and len(document) == 1
    return document[0] if is_row and is_text(document[0]) else document


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
    are_texts = {is_text(d) for d in documents}
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
        batch_size: int, most documents in a batch, or None for 32.
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
        batch_size=32 if batch_size is None else batch_size,
        shuffle=shuffle,
        # Drawn so that `keras.utils.set_random_seed` governs it.
        seed=np.random.randint(2**31),
    )
