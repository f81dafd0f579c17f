"""From texts to token ids in plain Python, without Keras or TensorFlow.

Encoders are what the tokenizers run outside of a graph. They are small and
can be sent to other processes.
"""

import functools
import itertools

from ulmfit_keras.text.vocabulary import Vocabulary
from ulmfit_keras.text.word_splitting import SPECIAL_TOKENS
from ulmfit_keras.text.word_splitting import UNKNOWN
from ulmfit_keras.text.word_splitting import split_words

_SPECIAL = frozenset(SPECIAL_TOKENS)
_MAX_CACHED_LENGTH = 40  # so that no text can fill the memory with the cache


class WordEncoder:
    """Encode words by their place in a vocabulary.

    Args:
        vocabulary: a `Vocabulary`.
    """

    def __init__(self, vocabulary):
        self.vocabulary = vocabulary

    def split(self, text):
        """The tokens of a text, list of str; unknown words as they are."""
        return split_words(text)

    def encode(self, text):
        """The ids of a text's tokens, list of int."""
        return self.vocabulary.encode(split_words(text)).tolist()

    def decode(self, ids):
        """The tokens of ids, list of str."""
        tokens = self.vocabulary.tokens
        return [tokens[i] for i in ids]


class SentencePieceEncoder:
    """Encode the pieces of words, marks in between.

    Every word is cut on its own, so that a mark is only ever written by the
    rules: no text contains the marks' ids.

    Args:
        proto: bytes, a model that `train_sentencepiece` wrote.

    Raises:
        ImportError: without the `sentencepiece` package.
        ValueError: if the model does not have the special tokens.
    """

    def __init__(self, proto):
        try:
            import sentencepiece
        except ImportError as error:
            raise ImportError(
                "Tokenizing into pieces needs the sentencepiece package: "
                "`pip install sentencepiece`."
            ) from error
        self.proto = proto
        self._processor = sentencepiece.SentencePieceProcessor(
            model_proto=proto
        )
        self.vocabulary = self._checked_vocabulary()
        self._cached = functools.lru_cache(maxsize=1 << 18)(self.encode_word)

    def _checked_vocabulary(self):
        processor = self._processor
        pieces = [
            processor.id_to_piece(i) for i in range(processor.vocab_size())
        ]
        missing = [
            token
            for token in SPECIAL_TOKENS
            if token not in pieces
            or not (
                processor.is_control(pieces.index(token))
                or (token == UNKNOWN and processor.is_unknown(0))
            )
        ]
        if missing or pieces[0] != UNKNOWN:
            raise ValueError(
                "A SentencePiece model must hold xxunk as its unknown piece, "
                "id 0, and the other special tokens as control symbols; "
                "`train_sentencepiece` makes such models. Received: a model "
                f"of {len(pieces)} pieces without {missing or UNKNOWN}"
            )
        return Vocabulary(pieces)

    def __reduce__(self):
        return SentencePieceEncoder, (self.proto,)

    def encode_word(self, word):
        """The ids of a word or mark that `split_words` made, list of int."""
        if word in _SPECIAL:
            return [self.vocabulary.index(word)]
        return self._processor.encode(word)

    def split(self, text):
        """The tokens of a text, list of str; unknown pieces as they are."""
        tokens = []
        for word in split_words(text, join_ideographs=True):
            if word in _SPECIAL:
                tokens.append(word)
            else:
                tokens += self._processor.encode(word, out_type=str)
        return tokens

    def encode(self, text):
        """The ids of a text's tokens, list of int."""
        ids = []
        for word in split_words(text, join_ideographs=True):
            if len(word) <= _MAX_CACHED_LENGTH:
                ids += self._cached(word)
            else:
                ids += self.encode_word(word)
        return ids

    def decode(self, ids):
        """The words of ids, list of str, marks in between."""
        tokens, words = self.vocabulary.tokens, []
        for special, run in itertools.groupby(
            ids, lambda i: tokens[i] in _SPECIAL
        ):
            if special:
                words += [tokens[i] for i in run]
            else:
                words += self._processor.decode(list(run)).split()
        return words
