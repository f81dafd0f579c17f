"""The LSTM over a sequence on JAX."""

import jax
import jax.experimental.rnn
import jax.numpy as jnp

from ulmfit_keras.ops.lstm_jax_cell import cell
from ulmfit_keras.ops.lstm_jax_cell import cell_gradient
from ulmfit_keras.ops.lstm_jax_cell import shifted
from ulmfit_keras.ops.lstm_jax_cell import weight_gradients
from ulmfit_keras.ops.lstm_jax_cpu import column_lstm


def lstm(x, h, c, kernel, recurrent_kernel, bias, portable):
    """Run cuDNN's LSTM, or one in a `jax.lax.scan`; see `ops.lstm`."""
    run, _ = choose(str(x.dtype), portable)
    return run(x, h, c, kernel, recurrent_kernel, bias)


def choose(dtype, portable):
    """The function to run for a dtype, and a text that says why."""
    if portable:
        return scan_lstm, "own backward pass, for any device"
    device = jax.default_backend()
    if device == "cpu":
        return column_lstm, "own backward pass, since JAX sees no GPU"
    if device != "gpu":
        return scan_lstm, f"own backward pass, since this is a {device}"
    if dtype != "float32":
        # What jaxlib lowers.
        return scan_lstm, "own backward pass, since cuDNN's is for float32"
    return cudnn_lstm, "cuDNN, since JAX sees a GPU"


def cudnn_lstm(x, h, c, kernel, recurrent_kernel, bias):
    """The kernel of NVIDIA GPUs."""
    flat = (kernel.T.ravel(), recurrent_kernel.T.ravel())
    outputs, h, c = jax.experimental.rnn.lstm(
        x,
        h[None],
        c[None],
        # cuDNN has two biases, and adds them.
        jnp.concatenate([*flat, bias, jnp.zeros_like(bias)]),
        jnp.full((x.shape[0],), x.shape[1], "int32"),
        input_size=x.shape[2],
        hidden_size=h.shape[1],
        num_layers=1,
        dropout=0.0,
        bidirectional=False,
    )
    return outputs, h[0], c[0]


@jax.custom_vjp
def scan_lstm(x, h, c, kernel, recurrent_kernel, bias):
    """An LSTM with a backward pass of its own.

    JAX's would add a product as large as the recurrent kernel to a sum at
    every step. Here the scan finds the gradient of the gates only, and one
    large product each gives that of the weights.
    """
    result, _ = forward(x, h, c, kernel, recurrent_kernel, bias)
    return result


# Compiled once a shape, also where the caller compiles nothing.
@jax.jit
def forward(x, initial_h, initial_c, kernel, recurrent_kernel, bias):
    x = jnp.swapaxes(x, 0, 1)

    def step(state, projected):
        h, c = state
        z = projected + h @ recurrent_kernel
        h, c, gates = cell(z, c, axis=-1)
        return (h, c), (h, c, gates)

    initial = (initial_h, initial_c)
    (h, c), (hs, cs, gates) = jax.lax.scan(step, initial, x @ kernel + bias)
    kept = (x, initial, kernel, recurrent_kernel, hs, cs, gates)
    return (jnp.swapaxes(hs, 0, 1), h, c), kept


@jax.jit
def backward(kept, gradients):
    x, (initial_h, initial_c), kernel, recurrent_kernel, hs, cs, gates = kept
    d_outputs, d_h, d_c = gradients

    def step(gradient, inputs):
        d_h, d_c = gradient
        d_output, c, c_before, gates = inputs
        d_z, d_c = cell_gradient(
            d_h + d_output, d_c, c, c_before, gates, axis=-1
        )
        return (d_z @ recurrent_kernel.T, d_c), d_z

    d_outputs = jnp.swapaxes(d_outputs, 0, 1)
    inputs = (d_outputs, cs, shifted(cs, initial_c), gates)
    (d_h, d_c), d_zs = jax.lax.scan(step, (d_h, d_c), inputs, reverse=True)
    gradients = weight_gradients(x, shifted(hs, initial_h), d_zs)
    return jnp.swapaxes(d_zs @ kernel.T, 0, 1), d_h, d_c, *gradients


scan_lstm.defvjp(forward, backward)
