"""From texts to token ids: cleaning, words, vocabularies, tokenizers."""

from ulmfit_keras.text.vocabulary import Vocabulary
from ulmfit_keras.text.vocabulary import VocabularyTransfer
from ulmfit_keras.text.vocabulary import transfer_vocabulary
from ulmfit_keras.text.word_splitting import BEGINNING
from ulmfit_keras.text.word_splitting import CAPITALISED
from ulmfit_keras.text.word_splitting import FIELD
from ulmfit_keras.text.word_splitting import PADDING
from ulmfit_keras.text.word_splitting import REPEATED_CHARACTER
from ulmfit_keras.text.word_splitting import REPEATED_WORD
from ulmfit_keras.text.word_splitting import SPECIAL_TOKENS
from ulmfit_keras.text.word_splitting import UNKNOWN
from ulmfit_keras.text.word_splitting import UPPER_CASE
from ulmfit_keras.text.word_splitting import join_fields
from ulmfit_keras.text.word_splitting import split_words

__all__ = [
    "BEGINNING",
    "CAPITALISED",
    "FIELD",
    "PADDING",
    "REPEATED_CHARACTER",
    "REPEATED_WORD",
    "SPECIAL_TOKENS",
    "UNKNOWN",
    "UPPER_CASE",
    "Vocabulary",
    "VocabularyTransfer",
    "join_fields",
    "split_words",
    "transfer_vocabulary",
]
