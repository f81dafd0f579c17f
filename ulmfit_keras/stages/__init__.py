"""Stages two and three of ULMFiT, each a function over plain Keras.

What they do can be done by hand: compile with a `DiscriminativeOptimizer`
on a `SlantedTriangular` schedule, fit with `GradualUnfreezing`. They put the
pieces together with the published settings.
"""

from ulmfit_keras.stages.checks import DivergenceError
from ulmfit_keras.stages.classifier import train_classifier
from ulmfit_keras.stages.language_model import finetune_language_model
from ulmfit_keras.stages.shares import match_shares
from ulmfit_keras.stages.zero_shot import zero_shot_scores

__all__ = [
    "DivergenceError",
    "finetune_language_model",
    "match_shares",
    "train_classifier",
    "zero_shot_scores",
]
