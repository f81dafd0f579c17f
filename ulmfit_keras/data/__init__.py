"""Read tables of texts, look at them, and feed them to a model."""

from ulmfit_keras.data.length_buckets import LengthBuckets
from ulmfit_keras.data.length_buckets import bucket_lengths

__all__ = ["LengthBuckets", "bucket_lengths"]
