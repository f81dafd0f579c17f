"""Read the token shards of a prepared corpus."""

import bisect
import functools
import itertools
import pathlib

import numpy as np

from ulmfit_keras.checksums import file_sha256
from ulmfit_keras.data.corpus.manifest import MANIFEST_FILE
from ulmfit_keras.data.corpus.manifest import PREPARE_ANEW
from ulmfit_keras.data.corpus.manifest import read_manifest
from ulmfit_keras.data.errors import DataError
from ulmfit_keras.text.vocabulary import Vocabulary
from ulmfit_keras.text.word_splitting import BEGINNING

_TOKENS_AT_ONCE = 1 << 20


class TokenShards:
    """The token ids of a corpus, in files that are mapped into memory.

    It can be indexed as a one-dimensional array can, and serves as the ids of
    a `TokenStream`; only what is asked for is read.

    Args:
        folder: what `prepare_corpus` wrote.
        split: `"train"`, `"valid"` or `"test"`. Defaults to `"train"`.
        backwards: reverse every document, its opening `xxbos` kept first, as
            `reverse_documents` does, for a backward model. Defaults to
            False.

    Raises:
        DataError: if the folder is not complete, or has no such split.

    Example:

    ```python
    shards = TokenShards("corpus")
    stream = TokenStream(shards, batch_size=64)
    print(" ".join(shards.vocabulary.tokens[i] for i in shards[:20]))
    ```
    """

    def __init__(self, folder, split="train", backwards=False):
        self.folder = pathlib.Path(folder)
        self.split = split
        self.backwards = backwards
        self.manifest = read_manifest(self.folder)
        if split not in self.manifest["splits"]:
            raise DataError(
                f"{self.folder} must have been prepared with --{split}=… "
                f"files. Received: only {list(self.manifest['splits'])}"
            )
        self._shards = [
            self._open(shard)
            for shard in self.manifest["splits"][split]["shards"]
        ]
        self.dtype = self._shards[0].dtype
        self._ends = list(itertools.accumulate(map(len, self._shards)))
        self._starts_of = functools.cache(self._find_starts)

    def _open(self, shard):
        path = self.folder / shard["file"]
        try:
            ids = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, EOFError, ValueError) as error:
            raise DataError(
                f"{path} must be a shard of ids, but is missing or damaged. "
                f"{PREPARE_ANEW} Received: {error}"
            ) from error
        found = (ids.dtype.name, ids.shape)
        expected = (self.manifest["dtype"], (shard["tokens"],))
        if found != expected:
            raise DataError(
                f"{path} must hold {expected}, as {MANIFEST_FILE} says. "
                f"{PREPARE_ANEW} Received: {found}"
            )
        return ids

    def __reduce__(self):
        # Another process maps the files, and gets no copy.
        return TokenShards, (self.folder, self.split, self.backwards)

    def __len__(self):
        return self._ends[-1]

    @property
    def shape(self):
        """As that of an array: (tokens,)."""
        return (len(self),)

    @property
    def paths(self):
        """The files of this split in their order, arrays of `np.load`."""
        shards = self.manifest["splits"][self.split]["shards"]
        return [self.folder / shard["file"] for shard in shards]

    @functools.cached_property
    def vocabulary(self):
        """The `Vocabulary`: which token an id stands for."""
        return self._load_vocabulary()

    def _load_vocabulary(self):
        path = self.folder / self.manifest["vocabulary"]["file"]
        vocabulary = Vocabulary.load(path)
        expected = self.manifest["vocabulary"]["fingerprint"]
        if vocabulary.fingerprint != expected:
            raise DataError(
                f"{path} must have the fingerprint {expected}, but was "
                f"changed. {PREPARE_ANEW} Received: "
                f"{vocabulary.fingerprint}"
            )
        return vocabulary

    def tokenizer(self):
        """A tokenizer that gives these ids, for a model's preprocessor.

        Returns:
            A new `WordTokenizer` or `SentencePieceTokenizer`.
        """
        # They load KerasHub, which the shards alone do not need.
        from ulmfit_keras.text.sentence_piece_tokenizer import (
            SentencePieceTokenizer,
        )
        from ulmfit_keras.text.word_tokenizer import WordTokenizer

        model = self.manifest["vocabulary"].get("model")
        if model:
            return SentencePieceTokenizer(self.folder / model["file"])
        return WordTokenizer(list(self.vocabulary.tokens))

    def token_counts(self):
        """How often each token of the vocabulary occurs: int array, (V,)."""
        counts = np.zeros(len(self.vocabulary), "int64")
        for shard in self._shards:
            for first in range(0, len(shard), _TOKENS_AT_ONCE):
                block = shard[first : first + _TOKENS_AT_ONCE]
                counts += np.bincount(block, minlength=len(counts))
        return counts

    def verify(self):
        """Compare all files with the checksums in the manifest.

        Raises:
            DataError: if a file is missing or was changed.
        """
        files = [
            shard
            for split in self.manifest["splits"].values()
            for shard in split["shards"]
        ]
        if "model" in self.manifest["vocabulary"]:
            files.append(self.manifest["vocabulary"]["model"])
        for file in files:
            path = self.folder / file["file"]
            found = file_sha256(path) if path.is_file() else "no file"
            if found != file["sha256"]:
                raise DataError(
                    f"{path} must have the SHA-256 {file['sha256']}, but was "
                    f"damaged or changed. {PREPARE_ANEW} "
                    f"Received: {found}"
                )
        self._load_vocabulary()

    def __getitem__(self, key):
        """Ids.

        Args:
            key: int or slice.

        Returns:
            The id as a NumPy scalar, or those of a slice as an array, which
            may be read-only.
        """
        places = range(len(self))[key]
        if not isinstance(key, slice):
            return self._between(places, places + 1)[0]
        if not places:
            return np.empty(0, self.dtype)
        first, last = sorted((places[0], places[-1]))
        return self._between(first, last + 1)[:: places.step]

    def __array__(self, dtype=None, copy=None):
        if copy is False:
            raise ValueError(
                "Shards can only be made one array as a copy. Received: "
                "copy=False"
            )
        return np.array(self[:], dtype)

    def _between(self, first, last):
        """Ids from one place up to another, in the order of reading."""
        parts = []
        number = bisect.bisect_right(self._ends, first)
        while first < last:
            begin = self._ends[number - 1] if number else 0
            end = min(last, self._ends[number])
            parts.append(self._in_shard(number, first - begin, end - begin))
            first, number = end, number + 1
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _in_shard(self, number, first, last):
        shard = self._shards[number]
        if not self.backwards:
            return np.asarray(shard[first:last])
        starts = self._starts_of(number)
        ids = np.empty(last - first, self.dtype)
        for begin in range(first, last, _TOKENS_AT_ONCE):
            places = np.arange(begin, min(last, begin + _TOKENS_AT_ONCE))
            documents = np.searchsorted(starts, places, "right")
            start, end = starts[documents - 1], starts[documents]
            mirrored = np.where(places == start, start, start + end - places)
            ids[begin - first : begin - first + len(places)] = shard[mirrored]
        return ids

    def _find_starts(self, number):
        """Where the documents of a shard begin, and its end."""
        shard, beginning = (
            self._shards[number],
            self.vocabulary.index(BEGINNING),
        )
        starts = [
            first
            + np.flatnonzero(
                shard[first : first + _TOKENS_AT_ONCE] == beginning
            )
            for first in range(0, len(shard), _TOKENS_AT_ONCE)
        ]
        return np.concatenate([*starts, [len(shard)]])
