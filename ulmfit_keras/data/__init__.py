"""Read tables of texts, look at them, and feed them to a model."""

from ulmfit_keras.data.builtin import builtin_passages
from ulmfit_keras.data.cleaning import clean_texts
from ulmfit_keras.data.cleaning import drop_rows
from ulmfit_keras.data.corpus.documents import read_documents
from ulmfit_keras.data.corpus.preparation import prepare_corpus
from ulmfit_keras.data.errors import DataError
from ulmfit_keras.data.length_buckets import LengthBuckets
from ulmfit_keras.data.length_buckets import bucket_lengths
from ulmfit_keras.data.public import PUBLIC_SETS
from ulmfit_keras.data.public import load_public
from ulmfit_keras.data.report import data_report
from ulmfit_keras.data.report import format_report
from ulmfit_keras.data.splits import oversample
from ulmfit_keras.data.splits import stratified_split
from ulmfit_keras.data.tables import TextTable
from ulmfit_keras.data.tables import read_table
from ulmfit_keras.data.targets import encode_labels
from ulmfit_keras.data.targets import label_names
from ulmfit_keras.data.targets import sample_weights
from ulmfit_keras.data.token_shards import TokenShards
from ulmfit_keras.data.token_stream import TokenStream
from ulmfit_keras.data.token_stream import reverse_documents

__all__ = [
    "DataError",
    "LengthBuckets",
    "PUBLIC_SETS",
    "TextTable",
    "TokenShards",
    "TokenStream",
    "bucket_lengths",
    "builtin_passages",
    "clean_texts",
    "data_report",
    "drop_rows",
    "encode_labels",
    "format_report",
    "label_names",
    "load_public",
    "oversample",
    "prepare_corpus",
    "read_documents",
    "read_table",
    "reverse_documents",
    "sample_weights",
    "stratified_split",
]
