"""From texts to batches of token ids, for the classifier."""

import sys

import keras
import keras_hub
import numpy as np

from ulmfit_keras.data import bucket_lengths
from ulmfit_keras.models.awd_lstm_backbone import AWDLSTMBackbone
from ulmfit_keras.models.documents import as_documents
from ulmfit_keras.models.presets import PresetMixin


@keras.saving.register_keras_serializable("ulmfit_keras")
class AWDLSTMTextClassifierPreprocessor(
    PresetMixin, keras_hub.models.TextClassifierPreprocessor
):
    """Turns texts into `xxbos`, their tokens, and padding on the right.

    A batch is padded to the next of `bucket_lengths` above its longest text
    rather than to `sequence_length`, so that short texts stay cheap.

    Args:
        tokenizer: a `WordTokenizer` or `SentencePieceTokenizer`.
        sequence_length: int, most tokens of a text, `xxbos` included; the
            end of a longer text is cut off. Defaults to 4000.

    Call arguments:
        x: a text, or a batch of them as a list, an array or a string tensor.
        y: labels, passed through. Defaults to None.
        sample_weight: passed through. Defaults to None.

    Returns:
        `{"token_ids": int32 (B, T), "padding_mask": int32 (B, T)}`, without
        B for one text, packed with `y` and `sample_weight` where given.

    Example:

    ```python
    preprocessor = AWDLSTMTextClassifierPreprocessor(WordTokenizer(words))
    preprocessor(["good", "rather bad"])["token_ids"].shape  # (2, 8)
    ```
    """

    backbone_cls = AWDLSTMBackbone
    tokenizer_cls = keras_hub.tokenizers.Tokenizer

    def __init__(self, tokenizer, sequence_length=4000, **kwargs):
        super().__init__(tokenizer, sequence_length=sequence_length, **kwargs)
        self.built = True

    def token_ids(self, texts):
        """The token ids of texts, in Python and without padding.

        Args:
            texts: a list of str or bytes.

        Returns:
            A list of lists of ints, each opening with `xxbos`.
        """
        start, size = self.tokenizer.start_token_id, self.sequence_length
        return [
            [start, *ids[: size - 1]]
            for ids in self.tokenizer.tokenize(list(texts))
        ]

    def call(self, x, y=None, sample_weight=None):
        tf = sys.modules.get("tensorflow")
        if tf is not None and tf.is_symbolic_tensor(x):
            x = self.preprocess_in_graph(x)
        else:
            x = self.preprocess(x)
        return keras.utils.pack_x_y_sample_weight(x, y, sample_weight)

    def preprocess(self, x):
        # An array of a list would give every text the room of the longest.
        texts = as_documents(x)
        if texts is None:
            texts = list(np.asarray(x).flat)
        rows = self.token_ids(texts)
        longest = max(map(len, rows), default=1)
        shape = (len(rows), bucket_lengths(longest)[-1])
        token_ids = np.full(shape, self.tokenizer.pad_token_id, "int32")
        padding_mask = np.zeros(shape, "int32")
        for place, row in enumerate(rows):
            token_ids[place, : len(row)] = row
            padding_mask[place, : len(row)] = 1
        if not isinstance(x, (list, tuple)) and np.ndim(x) == 0:
            token_ids, padding_mask = token_ids[0], padding_mask[0]
        return {"token_ids": token_ids, "padding_mask": padding_mask}

    def preprocess_in_graph(self, x):
        import tensorflow as tf

        rows = self.tokenizer.tokenize(tf.reshape(x, (-1,)))
        start = tf.fill((tf.size(x), 1), self.tokenizer.start_token_id)
        rows = tf.concat([start, rows], axis=1)[:, : self.sequence_length]
        longest = rows.bounding_shape(1)
        lengths = tf.constant(bucket_lengths(self.sequence_length), tf.int64)
        length = lengths[tf.searchsorted(lengths, [longest])[0]]
        token_ids = tf.pad(
            rows.to_tensor(self.tokenizer.pad_token_id),
            [[0, 0], [0, length - longest]],
            constant_values=self.tokenizer.pad_token_id,
        )
        padding_mask = tf.sequence_mask(rows.row_lengths(), length, tf.int32)
        if x.shape.rank == 0:
            token_ids, padding_mask = token_ids[0], padding_mask[0]
        return {"token_ids": token_ids, "padding_mask": padding_mask}
