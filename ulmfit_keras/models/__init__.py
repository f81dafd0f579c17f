"""KerasHub models of AWD-LSTM, and how ULMFiT trains them."""

from ulmfit_keras.models.awd_lstm_backbone import AWDLSTMBackbone
from ulmfit_keras.models.awd_lstm_causal_lm import AWDLSTMCausalLM
from ulmfit_keras.models.awd_lstm_causal_lm_preprocessor import (
    AWDLSTMCausalLMPreprocessor,
)
from ulmfit_keras.models.awd_lstm_text_classifier import AWDLSTMTextClassifier
from ulmfit_keras.models.awd_lstm_text_classifier_preprocessor import (
    AWDLSTMTextClassifierPreprocessor,
)
from ulmfit_keras.models.dropout_rates import DROPOUT_RATES
from ulmfit_keras.models.stream_language_model import StreamLanguageModel

__all__ = [
    "AWDLSTMBackbone",
    "AWDLSTMCausalLM",
    "AWDLSTMCausalLMPreprocessor",
    "AWDLSTMTextClassifier",
    "AWDLSTMTextClassifierPreprocessor",
    "DROPOUT_RATES",
    "StreamLanguageModel",
]
