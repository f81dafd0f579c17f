"""A tokenizer of whole words."""

import os

import keras

from ulmfit_keras.text.encoders import WordEncoder
from ulmfit_keras.text.tokenizer import TextTokenizer
from ulmfit_keras.text.vocabulary import Vocabulary

_VOCABULARY_FILE = "vocabulary.txt"


@keras.saving.register_keras_serializable("ulmfit_keras")
class WordTokenizer(TextTokenizer):
    """Cuts texts into words and marks, and looks up their ids.

    Args:
        vocabulary: list of str, the token of each id, such as
            `Vocabulary.build(...).tokens`; `"xxunk"`, `"xxpad"` and
            `"xxbos"` must be among them.
        **kwargs: as for any Keras layer.

    Raises:
        ValueError: if a special token is missing or a token is repeated.

    Example:

    >>> tokenizer = WordTokenizer(["xxunk", "xxpad", "xxbos", "good", "film"])
    >>> tokenizer.tokenize("good old film")
    [3, 0, 4]
    """

    def __init__(self, vocabulary=None, **kwargs):
        super().__init__(**kwargs)
        self.file_assets = [_VOCABULARY_FILE]
        if vocabulary is not None:
            self.set_vocabulary(vocabulary)

    def set_vocabulary(self, vocabulary):
        """Set the tokens, a list of str; see the class."""
        self._set_encoder(WordEncoder(Vocabulary(vocabulary)))

    def _make_graph(self):
        from ulmfit_keras.text.tokenizer_graphs import WordGraph

        return WordGraph(self.vocabulary)

    def save_assets(self, dir_path):
        """Write the vocabulary as text into a folder."""
        self.vocabulary.save(os.path.join(dir_path, _VOCABULARY_FILE))

    def load_assets(self, dir_path):
        """Read what `save_assets` wrote."""
        path = os.path.join(dir_path, _VOCABULARY_FILE)
        self._set_encoder(WordEncoder(Vocabulary.load(path)))
