"""From texts to token ids inside a TensorFlow graph, the encoders' twins.

They are `tf.Module`s, so that a SavedModel that tracks one finds its lookup
table. Only code that builds a graph imports this module.
"""

import tensorflow as tf

from ulmfit_keras.text import word_splitting_graph
from ulmfit_keras.text.word_splitting import SPECIAL_TOKENS
from ulmfit_keras.text.word_splitting import UNKNOWN


def _batched(encode, texts):
    """Apply `encode` to texts of shape (batch,) or ()."""
    texts = tf.convert_to_tensor(texts, tf.string)
    if texts.shape.rank not in (0, 1):
        raise ValueError(
            "Texts to tokenize must be one string or a batch of strings, of "
            f"shape () or (batch,). Received: shape {texts.shape}"
        )
    with tf.device("CPU:0"):  # strings live there; spare the way to a GPU
        if texts.shape.rank == 0:
            return encode(texts[tf.newaxis]).values
        return encode(texts)


class WordGraph(tf.Module):
    """The twin of `WordEncoder`.

    Args:
        vocabulary: a `Vocabulary`.
    """

    def __init__(self, vocabulary):
        super().__init__()
        self._table = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(
                list(vocabulary.tokens),
                list(range(len(vocabulary))),
                key_dtype=tf.string,
                value_dtype=tf.int32,
            ),
            default_value=vocabulary.index(UNKNOWN),
        )

    def __call__(self, texts):
        """Encode texts.

        Args:
            texts: string tensor, (batch,) or ().

        Returns:
            int32 ids: a `tf.RaggedTensor`, (batch, None), or for one text a
            tensor, (tokens,).
        """
        return _batched(self._encode, texts)

    def _encode(self, texts):
        words = word_splitting_graph.split_words(texts)
        return words.with_values(self._table.lookup(words.values))


class SentencePieceGraph(tf.Module):
    """The twin of `SentencePieceEncoder`; needs tensorflow_text.

    Args:
        proto: bytes, the model.
        vocabulary: its pieces as a `Vocabulary`.
    """

    def __init__(self, proto, vocabulary):
        super().__init__()
        self._proto = proto
        self._special_ids = [vocabulary.index(t) for t in SPECIAL_TOKENS]

    def __call__(self, texts):
        """Encode texts; see `WordGraph`."""
        return _batched(self._encode, texts)

    def _cut(self, words):
        try:
            import tensorflow_text
        except ImportError as error:
            raise ImportError(
                "Tokenizing into pieces inside a TensorFlow graph needs "
                "`pip install tensorflow-text`."
            ) from error
        # Made here, its model becomes part of the graph. A tokenizer made
        # before is lost when `tf.random.set_seed` clears TensorFlow's caches,
        # and with it every function that was traced.
        tokenizer = tensorflow_text.SentencepieceTokenizer(
            model=self._proto, out_type=tf.int32
        )
        return tokenizer.tokenize(words)

    def _encode(self, texts):
        words = word_splitting_graph.split_words(texts, join_ideographs=True)
        is_special = words.values[:, tf.newaxis] == list(SPECIAL_TOKENS)
        special_ids = tf.boolean_mask(
            tf.broadcast_to(self._special_ids, tf.shape(is_special)),
            is_special,
        )
        is_special = tf.reduce_any(is_special, axis=1)
        marks = tf.RaggedTensor.from_row_lengths(
            special_ids, tf.cast(is_special, tf.int64)
        )
        pieces = self._cut(tf.where(is_special, "", words.values))
        return words.with_values(tf.concat([marks, pieces], axis=1)).merge_dims(
            1, 2
        )
