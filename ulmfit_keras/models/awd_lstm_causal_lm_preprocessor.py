"""From texts to token ids and back, for the language model."""

import keras
import keras_hub
import numpy as np

from ulmfit_keras.models.awd_lstm_backbone import AWDLSTMBackbone
from ulmfit_keras.models.presets import PresetMixin


class ReversingPacker(keras_hub.layers.StartEndPacker):
    """KerasHub's `StartEndPacker` for tokens read from the last to the first.

    See `keras_hub.layers.StartEndPacker` for arguments and results; the
    tokens come in the order of the text. What is too long loses its first.
    """

    def call(self, inputs, **kwargs):
        if not isinstance(inputs, list):  # tensors in a TensorFlow graph
            inputs = inputs[..., ::-1]
        elif inputs and isinstance(inputs[0], list):
            inputs = [row[::-1] for row in inputs]
        else:
            inputs = inputs[::-1]
        return super().call(inputs, **kwargs)


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
        backwards: bool, whether the tokens between the two `xxbos` go from
            the last to the first; generated ids are turned round before
            they become text. Defaults to False. A model takes the order of
            its backbone, whatever is given here.
        **kwargs: see `keras_hub.models.CausalLMPreprocessor`.

    Example:

    ```python
    preprocessor = AWDLSTMCausalLMPreprocessor(WordTokenizer(words))
    ```
    """

    backbone_cls = AWDLSTMBackbone
    tokenizer_cls = keras_hub.tokenizers.Tokenizer

    def __init__(
        self, tokenizer, sequence_length=256, backwards=False, **kwargs
    ):
        super().__init__(tokenizer, sequence_length=sequence_length, **kwargs)
        self.backwards = backwards

    def build(self, input_shape):
        super().build(input_shape)
        if self.backwards:
            self.packer = ReversingPacker.from_config(self.packer.get_config())

    def generate_postprocess(self, x):
        if self.backwards:
            # The padding, now on the left, is cut off by the mask.
            x = {
                name: np.flip(keras.ops.convert_to_numpy(value), -1)
                for name, value in x.items()
            }
        return super().generate_postprocess(x)

    def in_order(self, backwards):
        """This preprocessor, or for the other order one with its tokenizer."""
        if backwards == self.backwards:
            return self
        return self._with(tokenizer=self.tokenizer, backwards=backwards)

    def reading_with(self, tokenizer):
        """A preprocessor like this one with another tokenizer."""
        return self._with(tokenizer=tokenizer)

    def _with(self, **changes):
        return type(self).from_config({**self.get_config(), **changes})

    def get_config(self):
        return {**super().get_config(), "backwards": self.backwards}
