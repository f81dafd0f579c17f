"""From texts to token ids: cleaning, words, vocabularies, tokenizers."""

from ulmfit_keras.text.encoding import encode_texts
from ulmfit_keras.text.sentence_piece_tokenizer import SentencePieceTokenizer
from ulmfit_keras.text.sentence_piece_training import train_sentencepiece
from ulmfit_keras.text.vocabulary import Vocabulary
from ulmfit_keras.text.vocabulary import VocabularyTransfer
from ulmfit_keras.text.vocabulary import transfer_vocabulary
from ulmfit_keras.text.word_joining import join_words
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
from ulmfit_keras.text.word_tokenizer import WordTokenizer

__all__ = [
    "BEGINNING",
    "CAPITALISED",
    "FIELD",
    "PADDING",
    "REPEATED_CHARACTER",
    "REPEATED_WORD",
    "SPECIAL_TOKENS",
    "SentencePieceTokenizer",
    "UNKNOWN",
    "UPPER_CASE",
    "Vocabulary",
    "VocabularyTransfer",
    "WordTokenizer",
    "encode_texts",
    "join_fields",
    "join_words",
    "split_words",
    "train_sentencepiece",
    "transfer_vocabulary",
]
