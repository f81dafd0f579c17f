"""Layers of AWD-LSTM and of the ULMFiT classifier, for any Keras model."""

from ulmfit_keras.layers.activation_regularization import (
    ActivationRegularization,
)
from ulmfit_keras.layers.chunked_cross_entropy import chunked_cross_entropy
from ulmfit_keras.layers.concat_pooling import ConcatPooling
from ulmfit_keras.layers.embedding_dropout import EmbeddingDropout
from ulmfit_keras.layers.gradient_boundary import GradientBoundary
from ulmfit_keras.layers.locked_dropout import LockedDropout
from ulmfit_keras.layers.reversible_embedding import ReversibleEmbedding
from ulmfit_keras.layers.weight_drop_lstm import WeightDropLSTM

__all__ = [
    "ActivationRegularization",
    "ConcatPooling",
    "EmbeddingDropout",
    "GradientBoundary",
    "LockedDropout",
    "ReversibleEmbedding",
    "WeightDropLSTM",
    "chunked_cross_entropy",
]
