"""The AWD-LSTM language model."""

import keras
import keras_hub
from keras import ops

from ulmfit_keras.models.awd_lstm_backbone import AWDLSTMBackbone
from ulmfit_keras.models.awd_lstm_causal_lm_preprocessor import (
    AWDLSTMCausalLMPreprocessor,
)
from ulmfit_keras.models.task_mixin import TaskMixin


@keras.saving.register_keras_serializable("ulmfit_keras")
class DecoderBias(keras.layers.Layer):
    """Adds one trained number per word to the logits.

    Args:
        vocabulary_size: int, number of words V.

    Input shape:
        (…, V).

    Output shape:
        (…, V).
    """

    def __init__(self, vocabulary_size, **kwargs):
        super().__init__(**kwargs)
        self.vocabulary_size = vocabulary_size

    def build(self, input_shape):
        self.bias = self.add_weight(
            shape=(self.vocabulary_size,), initializer="zeros", name="bias"
        )

    def call(self, logits):
        return ops.add(logits, self.bias)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "vocabulary_size": self.vocabulary_size,
        }


@keras.saving.register_keras_serializable("ulmfit_keras")
class AWDLSTMCausalLM(TaskMixin, keras_hub.models.CausalLM):
    """An AWD-LSTM that predicts the next word.

    The logits are hidden @ embeddings^T + bias: the output weights are the
    word vectors themselves, one variable (Merity et al. 2017, section 4.5).

    `fit` on texts trains on separate padded rows, as all KerasHub language
    models do. To carry the state along a long stream of text, as ULMFiT
    does, train a `StreamLanguageModel` of this model.

    Args:
        backbone: an `AWDLSTMBackbone`.
        preprocessor: an `AWDLSTMCausalLMPreprocessor`, or None for a model
            of token ids. Defaults to None.

    Input shape:
        As the backbone; texts in `fit`, `evaluate` and `generate`.

    Output shape:
        (B, T, V), the logits of the next token.

    Example:

    ```python
    language_model = AWDLSTMCausalLM(AWDLSTMBackbone(len(vocabulary)))
    language_model.compile(sampler="top_p")
    ```
    """

    backbone_cls = AWDLSTMBackbone
    preprocessor_cls = AWDLSTMCausalLMPreprocessor

    def __init__(self, backbone, preprocessor=None, **kwargs):
        # === Layers ===
        self.backbone = backbone
        self.preprocessor = preprocessor
        self.decoder_bias = DecoderBias(
            backbone.vocabulary_size,
            dtype=backbone.dtype_policy,
            name="decoder_bias",
        )

        # === Functional Model ===
        inputs = backbone.input
        outputs = self.output_logits(backbone(inputs))
        super().__init__(inputs=inputs, outputs=outputs, **kwargs)

    @property
    def output_embeddings(self):
        """The word vectors (V, E), which are the output weights too."""
        return self.backbone.token_embedding.embeddings

    @property
    def output_bias(self):
        """The bias of the logits, (V,)."""
        return self.decoder_bias.bias

    def output_logits(self, hidden):
        """The logits of the next token.

        Args:
            hidden: float (…, E), outputs of `backbone.encode`.

        Returns:
            (…, V).
        """
        return self.decoder_bias(
            self.backbone.token_embedding(hidden, reverse=True)
        )

    def layer_groups(self):
        """Layer groups from lowest to highest: [(name, [pattern]), …].

        The word vectors are the lowest group; the output bias is in the
        group of the last LSTM.
        """
        *groups, (name, patterns) = self.backbone.layer_groups()
        return [*groups, (name, [*patterns, r"(^|/)decoder_bias/"])]
