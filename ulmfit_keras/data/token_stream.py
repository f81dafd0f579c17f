"""A corpus as one stream of tokens, cut for back-propagation through time."""

import keras
import numpy as np

IGNORED_TARGET = -1


def reverse_documents(ids, beginning_id):
    """Reverse every document of a stream, its opening `xxbos` kept first.

    Args:
        ids: int array, (tokens,); a document opens with `beginning_id`.
        beginning_id: the id of `xxbos`.

    Returns:
        An array of the same shape and dtype, for a backward model.

    Example:

    >>> reverse_documents([2, 5, 6, 7, 2, 8, 9], beginning_id=2).tolist()
    [2, 7, 6, 5, 2, 9, 8]
    """
    ids = np.asarray(ids)
    return reverse_between(ids, np.flatnonzero(ids == beginning_id))


def reverse_between(ids, starts):
    """Reverse every document of a stream but for its first token.

    Args:
        ids: int array, (tokens,).
        starts: int array, the places of the first tokens.

    Returns:
        An array of the same shape and dtype.
    """
    ends = np.append(starts[1:], len(ids))
    reversed_ids = ids.copy()
    for start, end in zip(starts, ends, strict=True):
        reversed_ids[start + 1 : end] = ids[start + 1 : end][::-1]
    return reversed_ids


def _begun_unequally(lengths):
    """Window lengths of which the first two differ, if any but the last do.

    Keras' TensorFlow pipeline looks at the first two batches only, and takes
    a length that they share for that of all batches.
    """
    for i, length in enumerate(lengths[:-1]):
        if length != lengths[0]:
            lengths[1], lengths[i] = length, lengths[1]
            break
    return lengths


class TokenStream(keras.utils.PyDataset):
    """Windows of a token stream whose rows go on from batch to batch.

    The stream is cut into `batch_size` rows of equal length that lie side by
    side; batch k holds window k of every row, so row i of a batch continues
    row i of the batch before it. Every token but the first is a
    target exactly once; where the last row or window is short it is padded,
    with targets of -1 that no loss counts.

    Args:
        ids: int array (tokens,), or a list of such arrays, one a document.
            Documents are put into a new random order for every pass; one
            array keeps its order.
        batch_size: number of rows. Defaults to 64.
        bptt: window length in tokens. Defaults to 70 (paper, section 4.1).
        random_length: draw window lengths as AWD-LSTM does (Merity et al.
            2017, section 5): 95 % around `bptt`, the others around half of
            it, with standard deviation 5. They are rounded to a multiple of
            five so that few shapes are compiled. Defaults to False. Scale
            the learning rate with `LengthScaled`.
        epochs: for how many passes lengths are drawn. Defaults to 1.
        steps_per_epoch: batches after which Keras' epoch ends; the next one
            goes on from there, and into another pass where this one ends.
            Defaults to None: an epoch is one pass over the stream.
        seed: of document order and lengths. Defaults to 0.

    Attributes:
        epoch: int, Keras' epoch whose batches are read. What they hold
            depends on it and on the arguments only. Whoever trains sets it,
            as `StreamLanguageModel.fit` does; an evaluation leaves it alone,
            so that all read the same. Starts at 0.

    Yields:
        `({"token_ids": int32 (batch_size, T), "starts": float32
        (batch_size,)}, targets int32 (batch_size, T))`; `starts` is 1 where
        a row begins and no state must be carried into it.

    Raises:
        ValueError: if the stream is shorter than two tokens.

    Example:

    >>> stream = TokenStream(np.arange(9), batch_size=2, bptt=2)
    >>> stream[0][0]["token_ids"].tolist()
    [[0, 1], [4, 5]]
    """

    def __init__(
        self,
        ids,
        batch_size=64,
        bptt=70,
        random_length=False,
        epochs=1,
        steps_per_epoch=None,
        seed=0,
    ):
        super().__init__()
        self.documents = ids if isinstance(ids, (list, tuple)) else None
        self.batch_size = batch_size
        self.bptt = bptt
        self.seed = seed
        self.epoch = 0
        self.ids = ids
        self._read_pass(0)
        if len(self.ids) < 2:
            raise ValueError(
                "A token stream needs at least two tokens, one to read and "
                f"one to predict. Received: {len(self.ids)} tokens"
            )
        self.row_length = -(-(len(self.ids) - 1) // batch_size)
        random = np.random.default_rng(seed)
        first = self._draw_lengths(random_length, random)
        last = first[-1]
        # Keras wants the same number of batches in every epoch: the lengths
        # of the first in another order, the cut-off last window at its place.
        self.pass_lengths = [first] + [
            _begun_unequally([*random.permutation(first[:-1]).tolist(), last])
            for _ in range(epochs - 1)
        ]
        self.pass_offsets = [
            np.cumsum([0, *lengths[:-1]]) for lengths in self.pass_lengths
        ]
        self.steps_per_epoch = steps_per_epoch or len(first)

    @property
    def lengths(self):
        """Window lengths in tokens, of all passes one after the other."""
        return np.concatenate(self.pass_lengths)

    @property
    def steps(self):
        """Number of batches over all passes."""
        return sum(map(len, self.pass_lengths))

    @property
    def num_targets(self):
        """Number of tokens that a pass predicts."""
        return len(self.ids) - 1

    def _read_pass(self, number):
        """Put the documents into the order of a pass."""
        self.pass_number = number
        if self.documents is not None:
            random = np.random.default_rng((self.seed, number))
            order = random.permutation(len(self.documents))
            self.ids = np.concatenate([self.documents[i] for i in order])

    def _draw_lengths(self, random_length, random):
        if not random_length:
            return [self.bptt] * -(-self.row_length // self.bptt)
        lengths, total = [], 0
        while total < self.row_length:
            short = random.random() >= 0.95
            length = random.normal(self.bptt / (1 + short), 5)
            length = max(5, 5 * round(length / 5))
            length += 5 * (lengths == [length])  # see `_begun_unequally`
            lengths.append(length)
            total += length
        return lengths

    def __len__(self):
        return self.steps_per_epoch

    def __getitem__(self, index):
        number, place = divmod(
            self.epoch * self.steps_per_epoch + index,
            len(self.pass_lengths[0]),
        )
        if number != self.pass_number:
            self._read_pass(number)
        drawn = number % len(self.pass_lengths)
        length = self.pass_lengths[drawn][place]
        start = self.pass_offsets[drawn][place]
        token_ids = np.zeros((self.batch_size, length), "int32")
        targets = np.full((self.batch_size, length), IGNORED_TARGET, "int32")
        for row in range(self.batch_size):
            first = row * self.row_length + start
            row_end = (row + 1) * self.row_length
            last = min(first + length, row_end, len(self.ids) - 1)
            if last > first:
                window = np.asarray(self.ids[first : last + 1])
                token_ids[row, : last - first] = window[:-1]
                targets[row, : last - first] = window[1:]
        starts = np.full(self.batch_size, float(place == 0), "float32")
        return {"token_ids": token_ids, "starts": starts}, targets
