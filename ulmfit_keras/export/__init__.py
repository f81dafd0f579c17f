"""Models for use outside of training, and outside of Python."""

from ulmfit_keras.export.onnx_classifier import OnnxClassifier
from ulmfit_keras.export.onnx_model import onnx_model
from ulmfit_keras.export.saved_model import savedmodel

__all__ = ["OnnxClassifier", "onnx_model", "savedmodel"]
