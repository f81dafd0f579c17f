"""The LSTM over a sequence on JAX and CPUs."""

import jax
import jax.numpy as jnp

from ulmfit_keras.ops.lstm_jax_cell import cell
from ulmfit_keras.ops.lstm_jax_cell import cell_gradient
from ulmfit_keras.ops.lstm_jax_cell import shifted
from ulmfit_keras.ops.lstm_jax_cell import weight_gradients


@jax.custom_vjp
def column_lstm(x, h, c, kernel, recurrent_kernel, bias):
    """An LSTM with a backward pass of its own, its state kept in columns.

    XLA multiplies the large weights by a few columns faster on a CPU than a
    few rows by the weights; so much so that the products with the inputs,
    too, are best made step by step. The gradients of the weights are one
    large product each, after the loop.
    """
    result, _ = forward(x, h, c, kernel, recurrent_kernel, bias)
    return result


# Compiled once a shape, also where the caller compiles nothing.
@jax.jit
def forward(x, initial_h, initial_c, kernel, recurrent_kernel, bias):
    # Transposed before the loop, not at every step.
    kernel_t, recurrent_t = kernel.T, recurrent_kernel.T

    def step(state, x):
        h, c = state
        z = kernel_t @ x + recurrent_t @ h + bias[:, None]
        h, c, gates = cell(z, c, axis=0)
        return (h, c), (h, c, gates)

    initial = (initial_h.T, initial_c.T)
    (h, c), (hs, cs, gates) = jax.lax.scan(step, initial, to_columns(x))
    kept = (x, initial, kernel, recurrent_kernel, hs, cs, gates)
    return (from_columns(hs), h.T, c.T), kept


@jax.jit
def backward(kept, gradients):
    x, (initial_h, initial_c), kernel, recurrent_kernel, hs, cs, gates = kept
    d_outputs, d_h, d_c = gradients

    def step(gradient, inputs):
        d_h, d_c = gradient
        d_output, c, c_before, gates = inputs
        d_z, d_c = cell_gradient(
            d_h + d_output, d_c, c, c_before, gates, axis=0
        )
        return (recurrent_kernel @ d_z, d_c), (kernel @ d_z, d_z.T)

    inputs = (to_columns(d_outputs), cs, shifted(cs, initial_c), gates)
    (d_h, d_c), (d_xs, d_zs) = jax.lax.scan(
        step, (d_h.T, d_c.T), inputs, reverse=True
    )
    hs_before = jnp.swapaxes(shifted(hs, initial_h), 1, 2)
    gradients = weight_gradients(jnp.swapaxes(x, 0, 1), hs_before, d_zs)
    return from_columns(d_xs), d_h.T, d_c.T, *gradients


def to_columns(x):
    """(B, T, D) to (T, D, B)."""
    return jnp.transpose(x, (1, 2, 0))


def from_columns(x):
    """(T, D, B) to (B, T, D)."""
    return jnp.transpose(x, (2, 0, 1))


column_lstm.defvjp(forward, backward)
