"""Numeric operations, one file a backend where the backends differ."""

from ulmfit_keras.ops.lstm import lstm
from ulmfit_keras.ops.lstm import lstm_path
from ulmfit_keras.ops.lstm import lstm_supports_jit
from ulmfit_keras.ops.lstm_reference import lstm_step

__all__ = ["lstm", "lstm_path", "lstm_step", "lstm_supports_jit"]
