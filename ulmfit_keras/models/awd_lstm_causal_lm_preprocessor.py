"""From texts to token ids and back, for the language model."""

import keras
import keras_hub

from ulmfit_keras.models.awd_lstm_backbone import AWDLSTMBackbone
from ulmfit_keras.models.presets import PresetMixin


@keras.saving.register_keras_serializable("ulmfit_keras")
class AWDLSTMCausalLMPreprocessor(
    PresetMixin, keras_hub.models.CausalLMPreprocessor
):
    """KerasHub's preprocessor of causal language models.

    A text is its tokens between two `xxbos`, since a new one begins where it
    ends; see `keras_hub.models.CausalLMPreprocessor`.

    Args:
        tokenizer: a `WordTokenizer` or `SentencePieceTokenizer`.
        sequence_length: int, the padded length in tokens. Defaults to 256.
        **kwargs: see `keras_hub.models.CausalLMPreprocessor`.

    Example:

    ```python
    preprocessor = AWDLSTMCausalLMPreprocessor(WordTokenizer(words))
    ```
    """

    backbone_cls = AWDLSTMBackbone
    tokenizer_cls = keras_hub.tokenizers.Tokenizer

    def __init__(self, tokenizer, sequence_length=256, **kwargs):
        super().__init__(tokenizer, sequence_length=sequence_length, **kwargs)
