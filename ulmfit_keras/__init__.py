"""ULMFiT for Keras 3: AWD-LSTM text classifiers, fine-tuned step by step.

Source: Howard and Ruder 2018, Universal Language Model Fine-tuning for Text
Classification, arXiv:1801.06146.
"""

from ulmfit_keras import callbacks
from ulmfit_keras import convert
from ulmfit_keras import data
from ulmfit_keras import evaluation
from ulmfit_keras import export
from ulmfit_keras import layers
from ulmfit_keras import models
from ulmfit_keras import ops
from ulmfit_keras import optimizers
from ulmfit_keras import schedules
from ulmfit_keras import text
from ulmfit_keras.stages import finetune_language_model
from ulmfit_keras.stages import match_shares
from ulmfit_keras.stages import train_classifier
from ulmfit_keras.stages import zero_shot_scores

__version__ = "0.1.0"

__all__ = [
    "callbacks",
    "convert",
    "data",
    "evaluation",
    "export",
    "finetune_language_model",
    "layers",
    "match_shares",
    "models",
    "ops",
    "optimizers",
    "schedules",
    "text",
    "train_classifier",
    "zero_shot_scores",
]
