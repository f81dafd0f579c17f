"""The tokens a model knows, and how one model's serve another."""

import collections
import dataclasses
import functools
import hashlib

import numpy as np

from ulmfit_keras.text.checks import check_listed
from ulmfit_keras.text.word_splitting import SPECIAL_TOKENS
from ulmfit_keras.text.word_splitting import UNKNOWN
from ulmfit_keras.text.word_splitting import split_words


class Vocabulary:
    """An ordered list of tokens: the id of a token is its place.

    Args:
        tokens: list of str, each different, without line breaks, `"xxunk"`
            among them.

    Raises:
        ValueError: if the tokens break one of these rules.

    Example:

    >>> vocabulary = Vocabulary.build(Vocabulary.count(["a b a"]), min_count=1)
    >>> vocabulary.tokens[-2:], vocabulary.encode(["a", "what"])
    (('a', 'b'), array([8, 0], dtype=int32))
    """

    def __init__(self, tokens):
        self.tokens = tuple(tokens)
        self._ids = {token: i for i, token in enumerate(self.tokens)}
        if UNKNOWN not in self._ids:
            raise ValueError(
                f"A vocabulary must hold {UNKNOWN!r}, which stands for the "
                "tokens it does not hold. "
                f"Received: {len(self.tokens)} tokens, {self.tokens[:5]}…"
            )
        if len(self._ids) < len(self.tokens):
            counts = collections.Counter(self.tokens)
            raise ValueError(
                "The tokens of a vocabulary must all be different. Received: "
                f"{[t for t, n in counts.most_common(5) if n > 1]} repeated"
            )
        broken = [t for t in self.tokens if "\n" in t or "\r" in t or not t]
        if broken:
            raise ValueError(
                "A token of a vocabulary must be a text without line breaks. "
                f"Received: {broken[:5]}"
            )
        self._unknown_id = self._ids[UNKNOWN]

    @classmethod
    def count(cls, texts):
        """Count the words of texts.

        Args:
            texts: iterable of str or bytes.

        Returns:
            A `collections.Counter`.

        Raises:
            TypeError: if a text is neither str nor bytes.
            ValueError: if `texts` is one text itself.
        """
        check_listed("texts", texts)
        counts = collections.Counter()
        for text in texts:
            counts.update(split_words(text))
        return counts

    @classmethod
    def build(cls, counts, min_count=2, max_size=30_000):
        """Choose the most frequent tokens.

        The defaults are those of the code released with the ULMFiT paper.

        Args:
            counts: mapping from tokens to how often each was seen.
            min_count: leave out tokens seen less often than this.
            max_size: the most tokens to keep, special ones included.

        Returns:
            A `Vocabulary`: the special tokens, then the others by falling
            count, equal counts in the order of their code points.

        Raises:
            ValueError: if `max_size` leaves no room for the special tokens.
        """
        if max_size < len(SPECIAL_TOKENS):
            raise ValueError(
                "`max_size` must leave room for the "
                f"{len(SPECIAL_TOKENS)} special tokens. Received: "
                f"max_size={max_size}"
            )
        special = frozenset(SPECIAL_TOKENS)
        kept = sorted(
            (-n, token)
            for token, n in counts.items()
            if n >= min_count and token not in special
        )
        words = [token for _, token in kept[: max_size - len(SPECIAL_TOKENS)]]
        return cls([*SPECIAL_TOKENS, *words])

    def __len__(self):
        return len(self.tokens)

    def __contains__(self, token):
        return token in self._ids

    def __eq__(self, other):
        return isinstance(other, Vocabulary) and self.tokens == other.tokens

    def __hash__(self):
        return hash(self.tokens)

    def __repr__(self):
        return f"<Vocabulary of {len(self)} tokens, {self.fingerprint[:12]}>"

    def index(self, token):
        """The id of a token; that of `xxunk` for one not held."""
        return self._ids.get(token, self._unknown_id)

    def encode(self, tokens):
        """The ids of a list of tokens, int32 (tokens,)."""
        get, unknown = self._ids.get, self._unknown_id
        return np.array([get(token, unknown) for token in tokens], np.int32)

    @functools.cached_property
    def fingerprint(self):
        """The sha256 of the tokens, in hexadecimal digits.

        Equal fingerprints mean that ids can be exchanged. No model keeps
        one: it has the vocabulary itself, in its tokenizer.
        """
        return hashlib.sha256(
            "\n".join(self.tokens).encode("utf-8")
        ).hexdigest()

    def save(self, path):
        """Write the tokens to a UTF-8 file, one a line."""
        with open(path, "w", encoding="utf-8", newline="\n") as file:
            file.writelines(f"{token}\n" for token in self.tokens)

    @classmethod
    def load(cls, path):
        """Read a file that `save` wrote."""
        with open(path, encoding="utf-8", newline="\n") as file:
            text = file.read()
        # Not `splitlines`: other characters than a line feed end its lines.
        return cls(text.removesuffix("\n").split("\n"))


@dataclasses.dataclass(frozen=True)
class VocabularyTransfer:
    """Where the rows of a new vocabulary come from in an old one.

    Attributes:
        row_index: int32 (new size,), for each new token its id in the old
            vocabulary, or -1 where that does not hold it.
        kept: number of tokens that both hold.
        new: number of tokens that only the new one holds.
        dropped: number of tokens that only the old one holds.

    Example:

    >>> old, new = Vocabulary(["xxunk", "a"]), Vocabulary(["xxunk", "b", "a"])
    >>> print(transfer_vocabulary(old, new))
    2 of 3 tokens keep their rows, 1 start at the mean row, 0 rows are dropped
    """

    row_index: np.ndarray
    kept: int
    new: int
    dropped: int

    def apply(self, matrix):
        """Reorder rows that were trained with the old vocabulary.

        Args:
            matrix: array, (old size, …): an embedding matrix or a bias.

        Returns:
            An array of the same type, (new size, …); the rows of new tokens
            are the mean over all old rows (ULMFiT, released code).

        Raises:
            ValueError: if the rows are not those of the old vocabulary.
        """
        matrix = np.asarray(matrix)
        if len(matrix) != self.kept + self.dropped:
            raise ValueError(
                "A matrix must have one row per token of the old vocabulary, "
                f"{self.kept + self.dropped}. Received: shape {matrix.shape}"
            )
        mean = matrix.mean(axis=0, dtype=np.float64).astype(matrix.dtype)
        rows = np.concatenate([matrix, mean[np.newaxis]])
        return rows[self.row_index]  # -1 takes the mean

    def __str__(self):
        return (
            f"{self.kept:,} of {len(self.row_index):,} tokens keep their "
            f"rows, {self.new:,} start at the mean row, {self.dropped:,} "
            "rows are dropped"
        )


def transfer_vocabulary(old, new):
    """Match the tokens of a new vocabulary with those of an old one.

    Args:
        old: the `Vocabulary` that weights were trained with.
        new: the `Vocabulary` they shall serve.

    Returns:
        A `VocabularyTransfer`.

    Example:

    >>> old, new = Vocabulary(["xxunk", "a"]), Vocabulary(["xxunk", "b", "a"])
    >>> transfer_vocabulary(old, new).apply([[1.0], [3.0]]).tolist()
    [[1.0], [2.0], [3.0]]
    """
    row_index = np.array(
        [old.index(token) if token in old else -1 for token in new.tokens],
        np.int32,
    )
    kept = int(np.count_nonzero(row_index >= 0))
    return VocabularyTransfer(
        row_index, kept, new=len(new) - kept, dropped=len(old) - kept
    )
