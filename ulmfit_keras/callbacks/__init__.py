"""Callbacks for fine-tuning."""

from ulmfit_keras.callbacks.gradual_unfreezing import GradualUnfreezing
from ulmfit_keras.callbacks.learning_rate_finder import LearningRateFinder
from ulmfit_keras.callbacks.learning_rate_logger import LearningRateLogger
from ulmfit_keras.callbacks.non_monotonic_averaging import NonMonotonicAveraging
from ulmfit_keras.callbacks.resumable_training import ResumableTraining

__all__ = [
    "GradualUnfreezing",
    "LearningRateFinder",
    "LearningRateLogger",
    "NonMonotonicAveraging",
    "ResumableTraining",
]
