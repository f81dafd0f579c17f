"""The LSTM of AWD-LSTM: DropConnect on the recurrent weights."""

import numbers

import keras
from keras import ops

from ulmfit_keras.layers.dropout_rate import check_rate
from ulmfit_keras.ops import lstm
from ulmfit_keras.ops import lstm_step
from ulmfit_keras.ops import lstm_supports_jit


@keras.saving.register_keras_serializable("ulmfit_keras")
class WeightDropLSTM(keras.layers.Layer):
    """An LSTM whose recurrent weights are dropped once per forward pass.

    Source: Merity et al. 2017, section 2. On training, entries of the
    recurrent kernel are set to zero and the others scaled by
    1 / (1 - weight_drop), the same ones at every step. The stored weights
    stay whole, and a dropped entry gets no gradient. Everything else is
    `keras.layers.LSTM` (gates i, f, c, o), whose weights fit here.

    Padded steps are read like any other: pad on the right, and mask in the
    pooling and the loss. All weights start uniform in +-1 / sqrt(units), as
    torch's do, the bias at zero.

    `keras.layers.Bidirectional` takes none but Keras' own layers. Read in
    both directions by two layers, the one on `keras.ops.flip(x, axis=1)`, and
    join its flipped outputs to those of the other.

    Args:
        units: size H of the output and the states.
        weight_drop: share of the recurrent weights to drop, at least 0 and
            below 1. Defaults to 0. May be changed at any time before a
            function is traced.
        stateful: open each call with the state that the call before ended
            with, detached from the gradient, whatever `training` is; needs a
            fixed batch size. Defaults to False: each call starts at zero.
            The state is not saved.
        return_sequences: return the outputs of all steps rather than of the
            last one. Defaults to True.
        return_state: return the last states as well. Defaults to False.
        seed: integer seed of the masks. Defaults to None.
        portable: use only operations that run on every device, for a graph
            that is to be saved. Defaults to False.

    Call arguments:
        x: (B, T, D).
        initial_state: [h, c], each (B, H). Defaults to None: zeros, or the
            carried state of a stateful layer.
        training: drops only if True. Defaults to False.

    Returns:
        The outputs, (B, T, H) or (B, H); with `return_state` the tuple
        (outputs, h, c).

    Raises:
        ValueError: if an argument is outside its range, or the batch size of
            a stateful layer is unknown or changes, or the shape of the
            input or of `initial_state` is not as above.

    Example:

    ```python
    layer = WeightDropLSTM(1150, weight_drop=0.5, return_state=True)
    outputs, h, c = layer(x, training=True)
    ```
    """

    def __init__(
        self,
        units,
        weight_drop=0.0,
        stateful=False,
        return_sequences=True,
        return_state=False,
        seed=None,
        portable=False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if not isinstance(units, numbers.Integral) or units < 1:
            raise ValueError(
                f"`units` must be a positive integer. Received: units={units}"
            )
        check_rate("weight_drop", weight_drop)
        self.input_spec = keras.layers.InputSpec(ndim=3)
        self.units = units
        self.weight_drop = weight_drop
        self.stateful = stateful
        self.return_sequences = return_sequences
        self.return_state = return_state
        self.seed = seed
        self.portable = portable
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.supports_masking = True
        self.supports_jit = lstm_supports_jit(portable)

    def build(self, input_shape):
        self.input_spec = keras.layers.InputSpec(
            ndim=3, axes={-1: input_shape[-1]}
        )
        # Not orthogonal: no backend has a QR decomposition in bfloat16.
        bound = self.units**-0.5
        uniform = keras.initializers.RandomUniform(-bound, bound)
        self.kernel = self.add_weight(
            shape=(input_shape[-1], 4 * self.units),
            initializer=uniform,
            name="kernel",
        )
        self.recurrent_kernel = self.add_weight(
            shape=(self.units, 4 * self.units),
            initializer=uniform.clone(),
            # Cast after the mask is drawn; see LockedDropout.
            autocast=False,
            name="recurrent_kernel",
        )
        self.bias = self.add_weight(
            shape=(4 * self.units,), initializer="zeros", name="bias"
        )
        if self.stateful:
            if input_shape[0] is None:
                raise ValueError(
                    "A stateful layer needs a fixed batch size; give it as "
                    "`batch_size` of keras.Input or build on a real batch. "
                    f"Received: input_shape={input_shape}"
                )
            self.state = [
                self.add_weight(
                    shape=(input_shape[0], self.units),
                    initializer="zeros",
                    trainable=False,
                    name=name,
                )
                for name in ("state_h", "state_c")
            ]

    def reset_state(self):
        """Set the carried state of a stateful layer to zero.

        Raises:
            ValueError: if the layer carries no state, or none yet.
        """
        if not (self.stateful and self.built):
            raise ValueError(
                "Only a built layer with stateful=True carries a state that "
                "could be reset. "
                f"Received: stateful={self.stateful}, built={self.built}"
            )
        for variable in self.state:
            variable.assign(ops.zeros(variable.shape, variable.dtype))

    def call(self, x, initial_state=None, training=False):
        if initial_state is None:
            initial_state = self.opening_state(x)
        self.check_state(x, initial_state)
        h, c = (ops.cast(s, self.compute_dtype) for s in initial_state)
        outputs, h, c = lstm(
            ops.cast(x, self.compute_dtype),
            h,
            c,
            *self.weights_for(training),
            portable=self.portable,
        )
        if self.stateful:
            for variable, value in zip(self.state, (h, c), strict=True):
                value = ops.stop_gradient(value)
                variable.assign(ops.cast(value, variable.dtype))
        if not self.return_sequences:
            outputs = h
        return (outputs, h, c) if self.return_state else outputs

    def step(self, x, state):
        """Advance by one step with whole weights, as in generation.

        Args:
            x: (B, D), the input of the step.
            state: [h, c] before the step, each (B, H).

        Returns:
            The states (h, c) after the step; h is the output.
        """
        x, h, c = (ops.cast(t, self.compute_dtype) for t in (x, *state))
        return lstm_step(x, h, c, *self.weights_for(training=False))

    def opening_state(self, x):
        if not self.stateful:
            zeros = ops.zeros((ops.shape(x)[0], self.units))
            return [zeros, zeros]
        if x.shape[0] not in (None, self.state[0].shape[0]):
            raise ValueError(
                "A stateful layer reads batches of the size it was built "
                f"for, {self.state[0].shape[0]}. Received: x.shape={x.shape}"
            )
        # A copy, since torch assigns variables in place before backward runs.
        return [
            ops.stop_gradient(ops.copy(ops.convert_to_tensor(variable)))
            for variable in self.state
        ]

    def check_state(self, x, state):
        """Raise a ValueError unless a state is one for each row of `x`."""
        shapes = [tuple(s.shape) for s in keras.tree.flatten(state)]
        fits = len(shapes) == 2 and all(
            len(shape) == 2
            and shape[1] == self.units
            and (None in (shape[0], x.shape[0]) or shape[0] == x.shape[0])
            for shape in shapes
        )
        if not fits:
            raise ValueError(
                "`initial_state` must be two tensors, h and c, of the shape "
                f"{(x.shape[0], self.units)} each: as many rows as `x`, and "
                f"`units` columns. Received: {shapes}"
            )

    def weights_for(self, training):
        recurrent_kernel = ops.convert_to_tensor(self.recurrent_kernel)
        if training and self.weight_drop > 0:
            recurrent_kernel = keras.random.dropout(
                recurrent_kernel, self.weight_drop, seed=self.seed_generator
            )
        return [
            ops.cast(weight, self.compute_dtype)
            for weight in (
                ops.convert_to_tensor(self.kernel),
                recurrent_kernel,
                ops.convert_to_tensor(self.bias),
            )
        ]

    def compute_output_spec(self, x, initial_state=None, training=False):
        if initial_state is not None:
            self.check_state(x, initial_state)
        state = keras.KerasTensor((x.shape[0], self.units), self.compute_dtype)
        outputs = state
        if self.return_sequences:
            outputs = keras.KerasTensor(
                (*x.shape[:2], self.units), self.compute_dtype
            )
        return (outputs, state, state) if self.return_state else outputs

    def compute_mask(self, x, previous_mask=None):
        return previous_mask if self.return_sequences else None

    # Only the weights: the carried state is bound to one batch size.
    def save_own_variables(self, store):
        for i, weight in enumerate(self.trained_weights()):
            store[str(i)] = weight.numpy()

    def load_own_variables(self, store):
        for i, weight in enumerate(self.trained_weights()):
            weight.assign(store[str(i)])

    def trained_weights(self):
        return [self.kernel, self.recurrent_kernel, self.bias]

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "weight_drop": self.weight_drop,
            "stateful": self.stateful,
            "return_sequences": self.return_sequences,
            "return_state": self.return_state,
            "seed": self.seed,
            "portable": self.portable,
        }
