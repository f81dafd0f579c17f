"""Which weights of a model are quantized."""

from ulmfit_keras.layers.reversible_embedding import ReversibleEmbedding

_MODES = ("int8", "int4")


def check_not_quantized(backbone, purpose):
    """Raise a ValueError if the word vectors of a backbone are integers.

    Args:
        backbone: an `AWDLSTMBackbone`.
        purpose: what they cannot do then, for the message.
    """
    mode = backbone.token_embedding.quantization_mode
    if mode is not None:
        raise ValueError(
            "A quantized model, whose word vectors are integers, cannot "
            f"{purpose}: take the one that it was made of, and quantize it "
            f"afterwards. Received: word vectors of {mode}"
        )


class QuantizationMixin:
    """Lets `quantize` change the word vectors alone."""

    def quantize(self, mode=None, config=None):
        """As `keras.Model.quantize`, for the word vectors.

        They are most of what a file holds. Keras has no integer LSTM, and the
        head of a classifier is small; besides, its precision is in no file.
        `export.onnx_model` makes integers of the LSTMs, too.

        Args:
            mode: `"int8"` or `"int4"`. Defaults to None, that of `config`.
            config: a quantization config of Keras. Defaults to None.

        Raises:
            ValueError: for another mode, which Keras would pass over.
        """
        named = mode if config is None else config.mode
        if named not in _MODES:
            raise ValueError(
                f"Word vectors can be quantized as one of {_MODES}. "
                f"Received: mode={named!r}"
            )
        super().quantize(
            mode,
            config=config,
            filters=lambda layer: isinstance(layer, ReversibleEmbedding),
        )
