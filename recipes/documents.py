"""Documents of token ids for benchmarks of prediction.

It imports Keras, so recipes import it after `common.start()`.
"""

import collections

import numpy as np

from ulmfit_keras.text import Vocabulary
from ulmfit_keras.text import split_words

# Mean and standard deviation of the logarithm of a film review's length, in
# tokens; from 1,500 reviews of IMDb's test set. The mean length is 296.
_LOG_LENGTH = 5.48, 0.64


def encode(texts, vocabulary_size):
    """Token ids of texts by a vocabulary of their own.

    Args:
        texts: a list of str.
        vocabulary_size: tokens of the vocabulary; where the texts have
            fewer, it is filled up.

    Returns:
        A list of int32 arrays, each opening with `xxbos`, and the
        `Vocabulary`.
    """
    texts = [split_words(text) for text in texts]
    counts = collections.Counter(word for words in texts for word in words)
    known = Vocabulary.build(counts, 1, vocabulary_size).tokens
    fillers = [f"xxfake.{i}" for i in range(vocabulary_size - len(known))]
    vocabulary = Vocabulary([*known, *fillers])
    return [vocabulary.encode(["xxbos", *words]) for words in texts], vocabulary


def cut_like_reviews(documents, number, random):
    """Documents joined, and cut into ones as long as film reviews.

    Args:
        documents: a list of int arrays that open with `xxbos`; they are
            repeated if need be.
        number: how many there shall be.
        random: a NumPy generator, which draws their lengths.

    Returns:
        A list of int arrays that open with `xxbos`.
    """
    lengths = np.maximum(random.lognormal(*_LOG_LENGTH, number).astype(int), 1)
    ends = np.cumsum(lengths)
    ids = np.resize(np.concatenate(documents), ends[-1])
    ids[ends - lengths] = documents[0][0]
    return np.split(ids, ends[:-1])
