"""The AWD-LSTM encoder."""

import keras
import keras_hub
from keras import ops

from ulmfit_keras.layers import EmbeddingDropout
from ulmfit_keras.layers import GradientBoundary
from ulmfit_keras.layers import LockedDropout
from ulmfit_keras.layers import ReversibleEmbedding
from ulmfit_keras.layers import WeightDropLSTM
from ulmfit_keras.models.dropout_rates import resolve_dropout_rates
from ulmfit_keras.models.presets import PresetMixin


@keras.saving.register_keras_serializable("ulmfit_keras")
class AWDLSTMBackbone(PresetMixin, keras_hub.models.Backbone):
    """The AWD-LSTM encoder, the network beneath both stages of ULMFiT.

    Word vectors and a stack of LSTMs with DropConnect on their recurrent
    weights (Merity et al. 2017). All layers but the last have `hidden_dim`
    units; the last has `embedding_dim`, so that the word vectors can serve
    as output weights too. The defaults are those of Howard & Ruder 2018,
    section 4.1.

    Padded positions are read like any other, so pad on the right; the
    outputs at valid positions do not depend on the padding. `padding_mask`
    is an input only because KerasHub's preprocessors provide it.

    Args:
        vocabulary_size: int, number of token ids V.
        embedding_dim: int, size E of a word vector. Defaults to 400.
        hidden_dim: int, units of all LSTMs but the last. Defaults to 1150.
        num_layers: int, number of LSTMs. Defaults to 3.
        output_dropout: float, locked dropout after the last LSTM. Defaults
            to 0.4.
        hidden_dropout: float, locked dropout between LSTMs. Defaults to 0.3.
        input_dropout: float, locked dropout on the word vectors. Defaults
            to 0.4.
        embedding_dropout: float, share of the words that are dropped
            everywhere in a batch. Defaults to 0.05.
        weight_drop: float, share of the recurrent weights that are dropped.
            Defaults to 0.5.
        backwards: bool, whether the weights are of a model that reads texts
            from their last token to the first. It changes nothing here; a
            language model or classifier on top then reverses its texts.
            Defaults to False.
        dtype: dtype policy of all layers. Defaults to Keras' global one.

    Input shape:
        `{"token_ids": int (B, T), "padding_mask": (B, T)}`.

    Output shape:
        (B, T, E), the last LSTM's outputs after dropout.

    Raises:
        ValueError: if `num_layers` is below 1, or a rate outside [0, 1).

    Example:

    ```python
    backbone = AWDLSTMBackbone(vocabulary_size=30_000)
    dropped, raw, state = backbone.encode(token_ids, training=True)
    ```
    """

    def __init__(
        self,
        vocabulary_size,
        embedding_dim=400,
        hidden_dim=1150,
        num_layers=3,
        output_dropout=0.4,
        hidden_dropout=0.3,
        input_dropout=0.4,
        embedding_dropout=0.05,
        weight_drop=0.5,
        backwards=False,
        dtype=None,
        **kwargs,
    ):
        if num_layers < 1:
            raise ValueError(
                "`num_layers` must be at least 1. "
                f"Received: num_layers={num_layers}"
            )

        # === Layers ===
        self.token_embedding = ReversibleEmbedding(
            vocabulary_size,
            embedding_dim,
            embeddings_initializer=keras.initializers.RandomUniform(-0.1, 0.1),
            dtype=dtype,
            name="token_embedding",
        )
        self.embedding_dropout = EmbeddingDropout(
            vocabulary_size,
            embedding_dropout,
            dtype=dtype,
            name="embedding_dropout",
        )
        self.input_dropout = LockedDropout(
            input_dropout, dtype=dtype, name="input_dropout"
        )
        self.units = [hidden_dim] * (num_layers - 1) + [embedding_dim]
        self.lstm_layers = [
            WeightDropLSTM(
                units,
                weight_drop,
                return_state=True,
                dtype=dtype,
                name=f"lstm_{i}",
            )
            for i, units in enumerate(self.units)
        ]
        self.hidden_dropouts = [
            LockedDropout(
                hidden_dropout, dtype=dtype, name=f"hidden_dropout_{i}"
            )
            for i in range(num_layers - 1)
        ]
        self.output_dropout = LockedDropout(
            output_dropout, dtype=dtype, name="output_dropout"
        )
        self.boundaries = [
            GradientBoundary(groups, dtype=dtype, name=f"boundary_{groups}")
            for groups in range(1, num_layers + 2)
        ]

        # === Functional Model ===
        inputs = {
            name: keras.Input((None,), dtype="int32", name=name)
            for name in ("token_ids", "padding_mask")
        }
        dropped, _, _ = self.encode(inputs["token_ids"])
        super().__init__(inputs=inputs, outputs=dropped, dtype=dtype, **kwargs)

        # === Config ===
        self.vocabulary_size = vocabulary_size
        self.embedding_dim = embedding_dim
        self.hidden_dim = hidden_dim
        self.num_layers = num_layers
        self.backwards = backwards
        self.dropout_rates = {
            "output_dropout": output_dropout,
            "hidden_dropout": hidden_dropout,
            "input_dropout": input_dropout,
            "embedding_dropout": embedding_dropout,
            "weight_drop": weight_drop,
        }

    @property
    def state_size(self):
        """Number of values in the recurrent state of one text."""
        return 2 * sum(self.units)

    def layers_beneath(self):
        """(boundary, layers with weights beneath it), for each boundary."""
        layers = [self.token_embedding, *self.lstm_layers]
        return [
            (boundary, layers[: boundary.groups_below])
            for boundary in self.boundaries
        ]

    def encode(self, token_ids, state=None, training=None, perturbation=None):
        """Read tokens, going on from a state.

        Args:
            token_ids: int (B, T).
            state: (B, `state_size`), the LSTMs' states h0, c0, h1, c1, … as
                one tensor. Defaults to None: zeros.
            training: bool, whether to drop. Defaults to None: what Keras
                finds in the call around this one.
            perturbation: (B, T, E), added to the word vectors. Defaults to
                None.

        Returns:
            The last LSTM's outputs after dropout (B, T, E) and before it
            (B, T, E), and the state after the last token.
        """
        states = self.split_state(state)
        x = self.token_embedding(token_ids)
        if perturbation is not None:
            x = x + ops.cast(perturbation, x.dtype)
        x = self.embedding_dropout(x, token_ids, training=training)
        x = self.input_dropout(x, training=training)
        dropouts = [*self.hidden_dropouts, self.output_dropout]
        new_state = []
        for lstm, dropout, boundary, h_and_c in zip(
            self.lstm_layers, dropouts, self.boundaries, states, strict=False
        ):
            raw, h, c = lstm(
                boundary(x), initial_state=h_and_c, training=training
            )
            x = dropout(raw, training=training)
            new_state += [h, c]
        dropped = self.boundaries[-1](x)
        return dropped, raw, ops.concatenate(new_state, axis=-1)

    def encode_step(self, token_ids, state):
        """Read one token of each text, at inference.

        Args:
            token_ids: int (B,).
            state: (B, `state_size`).

        Returns:
            The last LSTM's output (B, E) and the state after the token.
        """
        x = self.token_embedding(token_ids)
        new_state = []
        for lstm, h_and_c in zip(
            self.lstm_layers, self.split_state(state), strict=True
        ):
            x, c = lstm.step(x, h_and_c)
            new_state += [x, c]
        return x, ops.concatenate(new_state, axis=-1)

    def split_state(self, state):
        """Cut a state into one `[h, c]` per LSTM, or None for each."""
        if state is None:
            return [None] * len(self.units)
        states, start = [], 0
        for units in self.units:
            h = state[:, start : start + units]
            c = state[:, start + units : start + 2 * units]
            states.append([h, c])
            start += 2 * units
        return states

    def set_dropout(self, rates=None, multiplier=1.0):
        """Change the dropout rates, since each stage of ULMFiT has its own.

        They are read when a training function is traced: set them before
        `fit`, and compile again if the model was trained already.

        Args:
            rates: a name in `DROPOUT_RATES`, or a dict from some of
                "output_dropout", "hidden_dropout", "input_dropout",
                "embedding_dropout" and "weight_drop" to new rates. Defaults
                to None: the current rates.
            multiplier: float by which these rates are multiplied. Defaults
                to 1.

        Raises:
            ValueError: for an unknown name, or a rate outside [0, 1).

        Example:

        ```python
        backbone.set_dropout("fastai_language_model", multiplier=0.5)
        ```
        """
        rates = resolve_dropout_rates(rates, self.dropout_rates, multiplier)
        self.dropout_rates = rates
        self.output_dropout.rate = rates["output_dropout"]
        self.input_dropout.rate = rates["input_dropout"]
        self.embedding_dropout.rate = rates["embedding_dropout"]
        for dropout in self.hidden_dropouts:
            dropout.rate = rates["hidden_dropout"]
        for lstm in self.lstm_layers:
            lstm.weight_drop = rates["weight_drop"]

    def layer_groups(self):
        """Layer groups from lowest to highest: [(name, [pattern]), …].

        The patterns are regular expressions to be searched in the paths of
        variables.
        """
        return [("embedding", [r"(^|/)token_embedding/"])] + [
            (lstm.name, [rf"(^|/){lstm.name}/"]) for lstm in self.lstm_layers
        ]

    def default_lora_layer_names(self):
        return ["token_embedding"]

    def get_config(self):
        return {
            **super().get_config(),
            "vocabulary_size": self.vocabulary_size,
            "embedding_dim": self.embedding_dim,
            "hidden_dim": self.hidden_dim,
            "num_layers": self.num_layers,
            "backwards": self.backwards,
            **self.dropout_rates,
        }
