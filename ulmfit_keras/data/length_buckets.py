"""Batches of documents of like length, in a few fixed shapes."""

import keras
import numpy as np

from ulmfit_keras.text.word_splitting import PADDING
from ulmfit_keras.text.word_splitting import SPECIAL_TOKENS

_PAD_ID = SPECIAL_TOKENS.index(PADDING)


def bucket_lengths(longest):
    """The padded lengths that batches may have: 8, 16, 24, 32, 48, 64, 96, …

    They do not depend on the data, so that training, validation and
    prediction share their compiled shapes. From 16 on each is 1.33 or 1.5
    times the one before, so padding adds less than half to a document of
    more than 16 tokens.

    Args:
        longest: length of the longest document, in tokens.

    Returns:
        A rising list of ints, of which the last is at least `longest`.

    Example:

    >>> bucket_lengths(40)
    [8, 16, 24, 32, 48]
    """
    lengths = [8]
    power = 16
    while lengths[-1] < longest:
        lengths += [power, power * 3 // 2]
        power *= 2
    if len(lengths) > 1 and lengths[-2] >= longest:
        lengths.pop()
    return lengths


class LengthBuckets(keras.utils.PyDataset):
    """Right-padded batches of documents of like length, for any backend.

    Every document stands in exactly one batch of an epoch. A batch is padded
    to one of `bucket_lengths`, so that few shapes are compiled.

    If the documents are not shuffled, they are batched by falling length. If
    they are, those left over when a bucket is cut into batches move up into
    the next bucket if that is at most twice as long, and else make a short
    batch. A document is alone only where no batch has room for it, such as
    the third of three with a `batch_size` of 2: batch normalization would take
    all away that a lone one says. The order is a function of
    `seed` and `epoch`; pass `shuffle=False` to `fit`, which otherwise shuffles
    the batches once more with Python's global random state.

    A longest batch comes first, so that a shortage of memory shows at the
    start.

    Args:
        ids: a list of documents, each a sequence of at least one token id
            (a list of ints or an int array, (length,)).
        targets: array, (documents, …), or None for inputs only.
        sample_weight: array, (documents,), or None; needs `targets`.
        batch_size: documents in a batch.
        max_batch_tokens: int, at least 1. A batch of padded length T holds
            at most `max_batch_tokens // T` documents (but at least one, or
            two if shuffled), so that long documents fit into memory.
        shuffle: bool. Whether to shuffle the documents within their buckets
            and the batches, anew for each epoch. Needs to be False for
            `restore`.
        seed: int, seed of the shuffling.
        pad_id: int, the token id that fills up short rows. Defaults to the
            place of `xxpad` in every `Vocabulary`.

    Returns batches of `inputs`, `(inputs, targets)` or
    `(inputs, targets, sample_weight)`, where `inputs` is a dict with
    `"token_ids"` (int32, (batch, T)) and `"padding_mask"` (int32,
    (batch, T), 1 for tokens and 0 for padding).

    Raises:
        ValueError: if there is no document, one without a token, an id that
            is not a whole number of at least 0, a number of targets or
            weights that differs from that of the documents, or weights
            without targets.

    Example:

    >>> batches = LengthBuckets([[2, 5, 7], [2, 9]], batch_size=2)
    >>> batches[0]["token_ids"].shape
    (2, 8)
    """

    def __init__(
        self,
        ids,
        targets=None,
        sample_weight=None,
        batch_size=32,
        max_batch_tokens=16384,
        shuffle=False,
        seed=0,
        pad_id=_PAD_ID,
    ):
        super().__init__()
        if batch_size < 1 or max_batch_tokens < 1:
            raise ValueError(
                "`batch_size` and `max_batch_tokens` must be at least 1. "
                f"Received: batch_size={batch_size}, "
                f"max_batch_tokens={max_batch_tokens}"
            )
        self._lengths, self._flat_ids = flatten_documents(ids)
        self._ends = np.cumsum(self._lengths)
        self._targets = _checked("targets", targets, len(self._lengths))
        self._sample_weight = _checked(
            "sample_weight", sample_weight, len(self._lengths)
        )
        if sample_weight is not None and targets is None:
            raise ValueError(
                "`sample_weight` weighs the loss and so needs `targets`. "
                "Received: targets=None"
            )
        self.batch_size = batch_size
        self.max_batch_tokens = max_batch_tokens
        self.shuffle = shuffle
        self.seed = seed
        self.pad_id = pad_id
        self.epoch = 0

    @property
    def epoch(self):
        """Number of the epoch, from 0; set it to continue a broken-off run."""
        return self._epoch

    @epoch.setter
    def epoch(self, epoch):
        self._epoch = epoch
        self._batches = self._plan()
        self._served = set()

    def __len__(self):
        return len(self._batches)

    def __getitem__(self, index):
        length, rows = self._batches[index]
        self._served.add(index)
        token_ids = np.full((len(rows), length), self.pad_id, np.int32)
        padding_mask = np.zeros((len(rows), length), np.int32)
        for place, row in enumerate(rows):
            size, end = self._lengths[row], self._ends[row]
            token_ids[place, :size] = self._flat_ids[end - size : end]
            padding_mask[place, :size] = 1
        inputs = {"token_ids": token_ids, "padding_mask": padding_mask}
        if self._targets is None:
            return inputs
        if self._sample_weight is None:
            return inputs, self._targets[rows]
        return inputs, self._targets[rows], self._sample_weight[rows]

    def on_epoch_end(self):
        # Keras also calls this after a look at the first batches.
        if len(self._served) == len(self._batches):
            self.epoch += 1

    def restore(self, outputs):
        """Put the outputs of all batches back into the order of the input.

        Args:
            outputs: what `model.predict(buckets)` returned: an array of
                shape (documents, …), or a dict, list or tuple of such.

        Returns:
            The same structure; row i belongs to document i.

        Raises:
            ValueError: if the batches are shuffled, or if the number of
                rows is not that of the documents.
        """
        if self.shuffle:
            raise ValueError(
                "The order of shuffled batches changes with each epoch; "
                "build `LengthBuckets` with shuffle=False for prediction. "
                "Received: shuffle=True"
            )
        order = np.concatenate([rows for _, rows in self._batches])

        def restored(array):
            array = np.asarray(array)
            if len(array) != len(order):
                raise ValueError(
                    "`outputs` must have one row per document, which is "
                    f"{len(order)}. Received: shape {array.shape}"
                )
            result = np.empty_like(array)
            result[order] = array
            return result

        return keras.tree.map_structure(restored, outputs)

    def _plan(self):
        """The batches of this epoch: [(padded length, document numbers)]."""
        lengths = bucket_lengths(self._lengths.max())
        bucket_of = np.searchsorted(lengths, self._lengths)
        plan = self._shuffled_plan if self.shuffle else self._sorted_plan
        return _longest_first(plan(lengths, bucket_of))

    def _rows_in_batch(self, length):
        """How many documents a batch of a padded length holds at most."""
        least = min(2, self.batch_size) if self.shuffle else 1
        return max(least, min(self.batch_size, self.max_batch_tokens // length))

    def _sorted_plan(self, lengths, bucket_of):
        order = np.argsort(-self._lengths, kind="stable")
        batches, first = [], 0
        while first < len(order):
            length = lengths[bucket_of[order[first]]]
            rows = order[first : first + self._rows_in_batch(length)]
            batches.append((length, rows))
            first += len(rows)
        return batches

    def _shuffled_plan(self, lengths, bucket_of):
        rng = np.random.default_rng((self.seed, self._epoch))
        used = [(lengths[b], b) for b in np.unique(bucket_of)]
        batches, left_over = [], np.zeros(0, np.int64)
        for place, (length, bucket) in enumerate(used):
            rows = np.append(left_over, np.flatnonzero(bucket_of == bucket))
            rows = rng.permutation(rows)
            size = self._rows_in_batch(length)
            is_last = place + 1 == len(used)
            moves_up = not is_last and used[place + 1][0] <= 2 * length
            end = len(rows) - len(rows) % size if moves_up else len(rows)
            batches += [
                (length, rows[first : first + size])
                for first in range(0, end, size)
            ]
            left_over = rows[end:]
        if self.batch_size > 1:
            batches = self._without_lone_rows(batches)
        return [batches[i] for i in rng.permutation(len(batches))]

    def _without_lone_rows(self, batches):
        """Batches of two documents or more, where that can be had.

        A document that is alone gets one out of a batch beneath it, or else
        joins the nearest batch that has room.

        Args:
            batches: list of (length, rows), by rising length.

        Returns:
            The batches, by rising length.
        """
        batches = list(batches)
        for place, (length, rows) in enumerate(batches):
            if len(rows) != 1:
                continue
            near = sorted(range(len(batches)), key=lambda i: abs(i - place))
            for other in near[1:]:
                other_length, others = batches[other]
                longest = max(length, other_length)
                if other < place and len(others) > 2:
                    batches[other] = other_length, others[:-1]
                    batches[place] = length, np.append(rows, others[-1])
                    break
                if 0 < len(others) < self._rows_in_batch(longest):
                    batches[other] = longest, np.append(others, rows)
                    batches[place] = length, rows[:0]
                    break
        return [batch for batch in batches if len(batch[1])]


def _longest_first(batches):
    # Stable: only the first two places of the order change. The second batch
    # is of another length if there is one, because Keras on TensorFlow takes
    # a length that the first two batches share for that of all batches.
    by_length = max(range(len(batches)), key=lambda i: batches[i][0])
    batches.insert(0, batches.pop(by_length))
    for place, (length, _) in enumerate(batches):
        if length != batches[0][0]:
            batches.insert(1, batches.pop(place))
            break
    return batches


def flatten_documents(ids):
    """Documents as their lengths and one int32 array of all their ids."""
    documents = [np.asarray(document) for document in ids]
    if not documents:
        raise ValueError(
            "`ids` must hold at least one document. Received: no document"
        )
    for row, document in enumerate(documents):
        if document.ndim != 1 or not len(document):
            raise ValueError(
                "Each document must be a sequence of at least one token id; "
                "an empty text still has its first token, `xxbos`. "
                f"Received: shape {document.shape} in row {row}"
            )
        if document.dtype.kind not in "iu" or document.min() < 0:
            raise ValueError(
                "Token ids must be whole numbers of at least 0. "
                f"Received: {document[:10]} in row {row}"
            )
    lengths = np.array([len(document) for document in documents])
    return lengths, np.concatenate(documents).astype(np.int32)


def _checked(name, values, size):
    if values is None:
        return None
    values = np.asarray(values)
    if values.ndim == 0 or len(values) != size:
        raise ValueError(
            f"`{name}` must have one entry per document, which is {size}. "
            f"Received: shape {values.shape}"
        )
    return values
