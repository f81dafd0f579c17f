"""Optimizers that treat the layers of a model differently."""

from ulmfit_keras.optimizers.discriminative_optimizer import (
    DiscriminativeOptimizer,
)
from ulmfit_keras.optimizers.layer_groups import layer_groups

__all__ = ["DiscriminativeOptimizer", "layer_groups"]
