"""Dropout of whole words from an embedding."""

import keras
from keras import ops

from ulmfit_keras.layers.dropout_rate import check_rate


@keras.saving.register_keras_serializable("ulmfit_keras")
class EmbeddingDropout(keras.layers.Layer):
    """Drops whole word types: a dropped word is gone at all its places.

    Source: Gal & Ghahramani 2016; Merity et al. 2017, section 4.2. Equal to
    dropping rows of the embedding matrix, without a second matrix: words
    that stay are scaled by 1 / (1 - rate).

    Args:
        vocabulary_size: number of word types V.
        rate: share of the word types to drop, at least 0 and below 1. May be
            changed at any time before a function is traced.
        seed: integer seed of the masks. Defaults to None.

    Call arguments:
        embeddings: (B, T, E), the embedded words.
        token_ids: (B, T) integers below V, the words; of any dtype, as in
            `keras.layers.Embedding`.
        training: drops only if True. Defaults to False.

    Output shape:
        (B, T, E).

    Raises:
        ValueError: if `rate` is outside its range.

    Example:

    ```python
    embedding = keras.layers.Embedding(30000, 400)
    x = EmbeddingDropout(30000, 0.05)(embedding(ids), ids, training=True)
    ```
    """

    def __init__(self, vocabulary_size, rate, seed=None, **kwargs):
        super().__init__(**kwargs)
        check_rate("rate", rate)
        self.vocabulary_size = vocabulary_size
        self.rate = rate
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        # Keras would round ids that are floats to half precision.
        self.autocast = False
        self.supports_masking = True
        self.built = True

    def call(self, embeddings, token_ids, training=False):
        embeddings = ops.cast(embeddings, self.compute_dtype)
        if not training or self.rate == 0:
            return embeddings
        kept = keras.random.dropout(
            ops.ones((self.vocabulary_size, 1), "float32"),
            self.rate,
            seed=self.seed_generator,
        )
        mask = ops.take(kept, ops.cast(token_ids, "int32"), axis=0)
        return embeddings * ops.cast(mask, self.compute_dtype)

    def compute_output_spec(self, embeddings, token_ids, training=False):
        return keras.KerasTensor(embeddings.shape, self.compute_dtype)

    def compute_mask(self, embeddings, previous_mask=None):
        return previous_mask

    def get_config(self):
        return {
            **super().get_config(),
            "vocabulary_size": self.vocabulary_size,
            "rate": self.rate,
            "seed": self.seed,
        }
