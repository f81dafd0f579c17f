"""What the tokenizers share: texts of any form in, ids and texts out."""

import sys

import keras
import keras_hub
import numpy as np

from ulmfit_keras.text.word_joining import join_words
from ulmfit_keras.text.word_splitting import BEGINNING
from ulmfit_keras.text.word_splitting import PADDING
from ulmfit_keras.text.word_splitting import UNKNOWN


def _in_graph():
    # No import: where nothing has loaded TensorFlow, no graph is being built.
    tensorflow = sys.modules.get("tensorflow")
    return tensorflow is not None and not tensorflow.executing_eagerly()


def _as_texts(inputs):
    """A list of texts, and whether the input was a single one."""
    if hasattr(inputs, "numpy"):
        inputs = inputs.numpy()
    if isinstance(inputs, (str, bytes)):
        return [inputs], True
    if isinstance(inputs, np.ndarray) and inputs.ndim == 0:
        return [inputs.item()], True
    return list(inputs), False


def _as_ids(inputs):
    """A list of lists of ids, and whether the input was a single one."""
    if hasattr(inputs, "to_list"):
        inputs = inputs.to_list()
    if hasattr(inputs, "detach"):
        # NumPy cannot read a tensor of torch where it lies on a GPU.
        inputs = inputs.detach().cpu()
    if not isinstance(inputs, (list, tuple)):
        inputs = np.asarray(inputs).tolist()
    if isinstance(inputs, int):
        return [[inputs]], True
    if not len(inputs) or np.ndim(inputs[0]) == 0:
        return [[int(i) for i in inputs]], True
    return [[int(i) for i in row] for row in inputs], False


class _PresetBackbone:
    """The class of the backbones whose presets hold these tokenizers.

    KerasHub compares it with the backbone of a preset. It is looked up by
    name, because models import tokenizers and not the other way around.
    """

    def __get__(self, instance, owner):
        return keras.saving.get_registered_object(
            "ulmfit_keras>AWDLSTMBackbone"
        )


class TextTokenizer(keras_hub.tokenizers.Tokenizer):
    """Base class of the tokenizers: the same ids in Python and in a graph.

    A subclass hands an encoder to `_set_encoder` and makes the encoder's
    twin in `_make_graph`.

    Args:
        dtype: of the ids. Defaults to `"int32"`.
        **kwargs: as for any Keras layer.
    """

    backbone_cls = _PresetBackbone()

    def __init__(self, dtype="int32", **kwargs):
        super().__init__(dtype=dtype, **kwargs)
        self.built = True
        self._encoder = None
        self._graph = None
        self._add_special_token(BEGINNING, "start_token")
        # A new text begins where one ends.
        self._add_special_token(BEGINNING, "end_token")
        self._add_special_token(PADDING, "pad_token")
        self._add_special_token(UNKNOWN, "unk_token")

    def _set_encoder(self, encoder):
        self._encoder = encoder
        self._graph = None
        self._update_special_token_ids()

    def _make_graph(self):
        raise NotImplementedError(
            "A tokenizer writes `_make_graph` to run inside a graph. "
            f"Received: {type(self).__name__} without it"
        )

    @property
    def encoder(self):
        """What tokenizes in plain Python; it can go to other processes."""
        if self._encoder is None:
            raise ValueError(
                "The tokenizer has no vocabulary yet. Give it one when you "
                "make it, or load its assets. Received: none"
            )
        return self._encoder

    def graph(self):
        """What tokenizes inside a TensorFlow graph.

        Returns:
            A `tf.Module` that maps a string tensor to int32 ids, the same as
            `tokenize`. An object to be written as a SavedModel must hold it
            as an attribute, or the lookup table is not saved.
        """
        if self._graph is None:
            import tensorflow as tf

            # The table must outlive the function that is being traced.
            with tf.init_scope():
                self._graph = self._make_graph()
        return self._graph

    def tokenize(self, inputs):
        """The ids of texts.

        Args:
            inputs: a text (str or bytes), or a batch of them as a list, a
                1-D array or a string tensor. Any content is valid.

        Returns:
            A list of ints without `xxbos`, or a list of such lists. Inside a
            `tf.function` an int32 tensor, (tokens,), or for a batch a
            `tf.RaggedTensor`, (batch, None).

        Raises:
            TypeError: if something is not a text.
        """
        if _in_graph():
            return self.graph()(inputs)
        texts, single = _as_texts(inputs)
        ids = [self.encoder.encode(text) for text in texts]
        return ids[0] if single else ids

    def call(self, inputs):
        return self.tokenize(inputs)

    def split(self, text):
        """The tokens of one text as a list of str, one for each id.

        Unknown words are written as they are.
        """
        return self.encoder.split(text)

    def detokenize(self, inputs):
        """The text of ids, as far as it can be told; see `join_words`.

        Args:
            inputs: ids as a list, an array or a tensor of any backend, or a
                batch of them.

        Returns:
            A str, or a list of str.

        Raises:
            ValueError: if an id is not in the vocabulary.
        """
        rows, single = _as_ids(inputs)
        size = self.vocabulary_size()
        wrong = [i for row in rows for i in row if not 0 <= i < size]
        if wrong:
            raise ValueError(
                f"Ids must be in the range from 0 to {size - 1}. "
                f"Received: {wrong[:5]}"
            )
        texts = [join_words(self.encoder.decode(row)) for row in rows]
        return texts[0] if single else texts

    @property
    def vocabulary(self):
        """The tokens as a `Vocabulary`; it has a fingerprint."""
        return self.encoder.vocabulary

    def get_vocabulary(self):
        """The tokens as a list of str."""
        return list(self.vocabulary.tokens)

    def vocabulary_size(self):
        """The number of tokens."""
        return len(self.vocabulary)

    def token_to_id(self, token):
        """The id of a token; that of `xxunk` for one not in the vocabulary."""
        return self.vocabulary.index(token)

    def id_to_token(self, id):
        """The token of an id.

        Raises:
            ValueError: if the id is not in the vocabulary.
        """
        if not 0 <= id < self.vocabulary_size():
            raise ValueError(
                f"An id must be in the range from 0 to "
                f"{self.vocabulary_size() - 1}. Received: {id}"
            )
        return self.vocabulary.tokens[id]

    def copy(self):
        """A tokenizer of its own with the same vocabulary."""
        copy = type(self).from_config(self.get_config())
        copy._set_encoder(self.encoder)
        return copy
