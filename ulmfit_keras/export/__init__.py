"""Models for use outside of Python."""

from ulmfit_keras.export.saved_model import savedmodel

__all__ = ["savedmodel"]
