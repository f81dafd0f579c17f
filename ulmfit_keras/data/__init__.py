"""Read tables of texts, look at them, and feed them to a model."""

from ulmfit_keras.data.builtin import builtin_passages
from ulmfit_keras.data.errors import DataError
from ulmfit_keras.data.length_buckets import LengthBuckets
from ulmfit_keras.data.length_buckets import bucket_lengths
from ulmfit_keras.data.tables import TextTable
from ulmfit_keras.data.tables import read_table

__all__ = [
    "DataError",
    "LengthBuckets",
    "TextTable",
    "bucket_lengths",
    "builtin_passages",
    "read_table",
]
