"""Optimizers that treat the layers of a model differently."""

from ulmfit_keras.optimizers.discriminative_optimizer import (
    DiscriminativeOptimizer,
)
from ulmfit_keras.optimizers.fused_adam import FusedAdam
from ulmfit_keras.optimizers.layer_groups import layer_groups
from ulmfit_keras.optimizers.non_monotonic_asgd import NonMonotonicASGD

__all__ = [
    "DiscriminativeOptimizer",
    "FusedAdam",
    "NonMonotonicASGD",
    "layer_groups",
]
