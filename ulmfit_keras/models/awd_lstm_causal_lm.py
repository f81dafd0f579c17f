"""The AWD-LSTM language model."""

import keras
import keras_hub
import numpy as np
from keras import ops

from ulmfit_keras import text
from ulmfit_keras.data.token_stream import reverse_documents
from ulmfit_keras.models.awd_lstm_backbone import AWDLSTMBackbone
from ulmfit_keras.models.awd_lstm_causal_lm_preprocessor import (
    AWDLSTMCausalLMPreprocessor,
)
from ulmfit_keras.models.quantization import check_not_quantized
from ulmfit_keras.models.task_mixin import BEYOND_KERAS
from ulmfit_keras.models.task_mixin import TaskMixin
from ulmfit_keras.models.task_mixin import check_vocabulary
from ulmfit_keras.models.task_mixin import is_preprocessed


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


def up_to_stop(token_ids, prompt_mask, stop_token_ids):
    """Mask of the generated texts, through their first new stop token.

    Args:
        token_ids: int (B, T).
        prompt_mask: bool (B, T), True for the tokens of the prompts, among
            which a stop token does not count.
        stop_token_ids: ids that end a text, or None.

    Returns:
        bool (B, T).
    """
    if stop_token_ids is None:
        return ops.ones_like(token_ids, dtype="bool")
    stops = ops.convert_to_tensor(list(stop_token_ids), token_ids.dtype)
    is_stop = ops.any(ops.equal(token_ids[..., None], stops), axis=-1)
    is_stop = ops.logical_and(is_stop, ops.logical_not(prompt_mask))
    is_stop = ops.cast(is_stop, "int32")
    return ops.equal(ops.cumsum(is_stop, axis=-1) - is_stop, 0)


@keras.saving.register_keras_serializable("ulmfit_keras")
class AWDLSTMCausalLM(TaskMixin, keras_hub.models.CausalLM):
    """An AWD-LSTM that predicts the next word.

    The logits are hidden @ embeddings^T + bias: the output weights are the
    word vectors themselves, one variable (Merity et al. 2017, section 4.5).

    `fit` on texts trains on separate padded rows, as all KerasHub language
    models do. To carry the state along a long stream of text, as ULMFiT
    does, train a `StreamLanguageModel` of this model.

    With a backbone that reads `backwards`, `fit` and `evaluate` read texts
    from their ends, and `generate` writes what comes before a prompt. Token
    ids are expected in the order in which the model reads them.

    Args:
        backbone: an `AWDLSTMBackbone`.
        preprocessor: an `AWDLSTMCausalLMPreprocessor`, or None for a model
            of token ids. Where it is for the other direction, the model
            makes one of its own, with the same tokenizer. Defaults to None.

    Input shape:
        As the backbone; texts in `fit`, `evaluate` and `generate`.

    Output shape:
        (B, T, V), the logits of the next token.

    Raises:
        ValueError: for a tokenizer of another size than the backbone.

    Example:

    ```python
    language_model = AWDLSTMCausalLM(AWDLSTMBackbone(len(vocabulary)))
    language_model.compile(sampler="top_p")
    ```
    """

    backbone_cls = AWDLSTMBackbone
    preprocessor_cls = AWDLSTMCausalLMPreprocessor

    def __init__(self, backbone, preprocessor=None, **kwargs):
        check_vocabulary(backbone, preprocessor)
        if preprocessor is not None:
            preprocessor = preprocessor.in_order(backbone.backwards)

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
        """The word vectors (V, E), which are the output weights too.

        Raises:
            ValueError: if they are quantized: their integers alone say little.
        """
        check_not_quantized(self.backbone, "give its word vectors as a matrix")
        return self.backbone.token_embedding.embeddings

    @property
    def output_bias(self):
        """The bias of the logits, (V,)."""
        return self.decoder_bias.bias

    def start_from_counts(self, counts):
        """Let a new model predict words by how frequent they are.

        The output bias becomes log((count + 1) / (total + V)). Without it a
        model in training stays long at that stage, for which all its word
        vectors move in one direction; with it, it learns from the context at
        once.

        Args:
            counts: ints (V,), how often each word occurs in the text to
                train on, such as `TokenShards.token_counts()`.

        Raises:
            ValueError: if the counts are not those of the vocabulary.

        Example:

        ```python
        language_model.start_from_counts(np.bincount(ids, minlength=V))
        ```
        """
        counts = np.asarray(counts)
        expected = (self.backbone.vocabulary_size,)
        if counts.shape != expected or counts.min() < 0:
            raise ValueError(
                f"counts must be of shape {expected}, a number from 0 for "
                f"each word. Received: shape {counts.shape}, {counts}"
            )
        shares = (counts + 1) / (counts.sum() + len(counts))
        self.output_bias.assign(np.log(shares))

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

    def fit(self, x=None, y=None, validation_data=None, **kwargs):
        """As `keras.Model.fit`, on texts too.

        Args:
            x: texts in a list or an array; a `tf.data.Dataset` of texts; or
                token ids, as dicts of arrays or a `keras.utils.PyDataset`.
            y: None for texts, which are their own targets.
            validation_data: texts, also as a tuple of them alone, or what
                KerasHub takes. Defaults to None.
            **kwargs: see `keras.Model.fit`.

        Returns:
            A `keras.callbacks.History`.

        Raises:
            ValueError: if there is a `y` or a `sample_weight` beside texts.
        """
        if isinstance(validation_data, tuple):
            first, *others = validation_data
            if self.are_texts(first) and not any(v is not None for v in others):
                validation_data = first
        if self.are_texts(validation_data):
            validation_data = (
                self.preprocessor(list(validation_data))
                if self.are_texts(x) or is_preprocessed(x)
                else (validation_data,)
            )
        if self.are_texts(x):
            x, y, kwargs["sample_weight"] = self.rows_of(x, y, **kwargs)
        return super().fit(x, y, validation_data=validation_data, **kwargs)

    def evaluate(self, x=None, y=None, **kwargs):
        """As `keras.Model.evaluate`, on a list of texts too; see `fit`."""
        if self.are_texts(x):
            x, y, kwargs["sample_weight"] = self.rows_of(x, y, **kwargs)
        return super().evaluate(x, y, **kwargs)

    def predict(self, x, **kwargs):
        """As `keras.Model.predict`, on texts too: logits (texts, T, V)."""
        if self.are_texts(x):
            x, _, _ = self.preprocessor(list(x))
        return super().predict(x, **kwargs)

    def generate(self, inputs, *args, **kwargs):
        """As KerasHub's, also for one prompt of bytes and for no prompt."""
        if isinstance(inputs, bytes):
            return self.generate([inputs], *args, **kwargs)[0]
        if self.are_texts(inputs) and not len(inputs):
            return []
        return super().generate(inputs, *args, **kwargs)

    def rows_of(self, texts, y, sample_weight=None, **_):
        """Padded rows of texts, their targets and the weights of these."""
        if y is not None or sample_weight is not None:
            raise ValueError(
                "Texts are their own targets, and each of their tokens counts "
                "as much: leave out `y` and `sample_weight`, or give token "
                "ids, which the preprocessor makes of texts. Received: "
                f"y={y}, sample_weight={sample_weight}"
            )
        return self.preprocessor(list(texts))

    def are_texts(self, x):
        """Whether `x` is texts that the preprocessor is to read."""
        is_array = isinstance(x, np.ndarray) and x.dtype.kind in "OSU"
        return (isinstance(x, list) or is_array) and bool(self.preprocessor)

    def generate_step(self, inputs, stop_token_ids=None):
        """Continue a batch of prompts; what `generate` runs.

        Args:
            inputs: `{"token_ids": int (B, T), "padding_mask": (B, T)}`,
                prompts padded on the right to the length to generate.
            stop_token_ids: ids that end a text. Defaults to None: all texts
                are continued up to T.

        Returns:
            The same structure, with the continued texts.
        """
        token_ids = inputs["token_ids"]
        mask = ops.cast(inputs["padding_mask"], "bool")
        shortest = ops.min(ops.sum(ops.cast(mask, "int32"), axis=-1))

        def next_token(prompt, state, index):
            tokens = ops.take(prompt, index - 1, axis=1)
            hidden, state = self.backbone.encode_step(tokens, state)
            return self.output_logits(hidden), hidden, state

        hidden_states = None
        if isinstance(self.sampler, keras_hub.samplers.ContrastiveSampler):
            hidden_states = self.backbone(inputs)
        token_ids = self.sampler(
            next=next_token,
            prompt=token_ids,
            cache=self.read_prompt(token_ids, shortest - 1),
            index=shortest,
            mask=mask,
            stop_token_ids=stop_token_ids,
            hidden_states=hidden_states,
            model=self,
        )
        return {
            "token_ids": token_ids,
            "padding_mask": up_to_stop(token_ids, mask, stop_token_ids),
        }

    def read_prompt(self, token_ids, length):
        """The state after the first `length` tokens, a scalar tensor."""

        def read_token(place, state):
            tokens = ops.take(token_ids, place, axis=1)
            return place + 1, self.backbone.encode_step(tokens, state)[1]

        state = ops.zeros(
            (ops.shape(token_ids)[0], self.backbone.state_size),
            self.backbone.compute_dtype,
        )
        return ops.while_loop(
            lambda place, state: place < length, read_token, (0, state)
        )[1]

    def get_compile_config(self):
        config = super().get_compile_config()
        if config:
            sampler = keras_hub.samplers.serialize(self.sampler)
            config["optimizer"][BEYOND_KERAS]["sampler"] = sampler
        return config

    def token_ids(self, texts):
        """The token ids of texts in the order in which the model reads them.

        Args:
            texts: iterable of str or bytes.

        Returns:
            A list of int32 arrays, each opening with `xxbos`.
        """
        tokenizer = self.preprocessor.tokenizer
        ids = text.encode_texts(tokenizer, texts)
        if self.backbone.backwards:
            start = tokenizer.start_token_id
            ids = [reverse_documents(document, start) for document in ids]
        return ids

    def layer_groups(self):
        """Layer groups from lowest to highest: [(name, [pattern]), …].

        The word vectors are the lowest group; the output bias is in the
        group of the last LSTM.
        """
        *groups, (name, patterns) = self.backbone.layer_groups()
        return [*groups, (name, [*patterns, r"(^|/)decoder_bias/"])]
