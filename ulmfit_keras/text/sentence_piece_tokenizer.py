"""A tokenizer of pieces of words, for any language."""

import os
import pathlib

import keras

from ulmfit_keras.text.encoders import SentencePieceEncoder
from ulmfit_keras.text.tokenizer import TextTokenizer

_PROTO_FILE = "vocabulary.spm"


@keras.saving.register_keras_serializable("ulmfit_keras")
class SentencePieceTokenizer(TextTokenizer):
    """Cuts texts into words and marks, and the words into pieces.

    The rules are those of `WordTokenizer`, except that ideographs stay
    together, for the pieces to cut them. Needs the `sentencepiece` package,
    and `tensorflow_text` inside a TensorFlow graph.

    Args:
        proto: the model that `train_sentencepiece` returned, as bytes or as
            the path of a file with them.
        **kwargs: as for any Keras layer.

    Raises:
        ValueError: if the model does not have the special tokens.

    Example:

    ```python
    tokenizer = SentencePieceTokenizer(train_sentencepiece(texts, 15_000))
    tokenizer.split("Unbelievable!")  # ['xxmaj', '▁un', 'believ', …]
    ```
    """

    def __init__(self, proto=None, **kwargs):
        super().__init__(**kwargs)
        self.file_assets = [_PROTO_FILE]
        if proto is not None:
            if not isinstance(proto, bytes):
                proto = pathlib.Path(proto).read_bytes()
            self._set_encoder(SentencePieceEncoder(proto))

    @classmethod
    def from_config(cls, config):
        # The model comes from the assets. A path in the config of a saved
        # file could name any file of the machine.
        return cls(**{**config, "proto": None})

    def _make_graph(self):
        from ulmfit_keras.text.tokenizer_graphs import SentencePieceGraph

        return SentencePieceGraph(self.encoder.proto, self.vocabulary)

    def save_assets(self, dir_path):
        """Write the model into a folder."""
        path = pathlib.Path(os.path.join(dir_path, _PROTO_FILE))
        path.write_bytes(self.encoder.proto)

    def load_assets(self, dir_path):
        """Read what `save_assets` wrote."""
        path = pathlib.Path(os.path.join(dir_path, _PROTO_FILE))
        self._set_encoder(SentencePieceEncoder(path.read_bytes()))
