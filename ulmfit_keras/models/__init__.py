"""KerasHub models of AWD-LSTM, and how ULMFiT trains them."""

from ulmfit_keras.layers.chunked_cross_entropy import chunked_cross_entropy
from ulmfit_keras.models.adversarial_training import AdversarialTraining
from ulmfit_keras.models.awd_lstm_backbone import AWDLSTMBackbone
from ulmfit_keras.models.awd_lstm_causal_lm import AWDLSTMCausalLM
from ulmfit_keras.models.awd_lstm_causal_lm_preprocessor import (
    AWDLSTMCausalLMPreprocessor,
)
from ulmfit_keras.models.awd_lstm_text_classifier import AWDLSTMTextClassifier
from ulmfit_keras.models.awd_lstm_text_classifier_preprocessor import (
    AWDLSTMTextClassifierPreprocessor,
)
from ulmfit_keras.models.bidirectional_text_classifier import (
    BidirectionalTextClassifier,
)
from ulmfit_keras.models.dropout_rates import DROPOUT_RATES
from ulmfit_keras.models.fast_paths import fast_path_report
from ulmfit_keras.models.perplexity import Perplexity
from ulmfit_keras.models.preset_precision import store_as_float16
from ulmfit_keras.models.sampled_softmax import sampled_softmax_loss
from ulmfit_keras.models.stream_language_model import StreamLanguageModel
from ulmfit_keras.models.vocabulary_exchange import exchange_vocabulary

__all__ = [
    "AWDLSTMBackbone",
    "AWDLSTMCausalLM",
    "AWDLSTMCausalLMPreprocessor",
    "AWDLSTMTextClassifier",
    "AWDLSTMTextClassifierPreprocessor",
    "AdversarialTraining",
    "BidirectionalTextClassifier",
    "DROPOUT_RATES",
    "Perplexity",
    "StreamLanguageModel",
    "chunked_cross_entropy",
    "exchange_vocabulary",
    "fast_path_report",
    "sampled_softmax_loss",
    "store_as_float16",
]
