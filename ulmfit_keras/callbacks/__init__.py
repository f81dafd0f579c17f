"""Callbacks for fine-tuning."""

from ulmfit_keras.callbacks.gradual_unfreezing import GradualUnfreezing

__all__ = ["GradualUnfreezing"]
