"""The LSTM over a sequence on JAX."""

import jax
import jax.numpy as jnp

from ulmfit_keras.ops.lstm_reference import lstm_cell


def project(x, kernel, bias):
    """Multiply all steps by the kernel at once: (B, T, D) to (T, B, 4H)."""
    return jnp.swapaxes(x, 0, 1) @ kernel + bias


def lstm(x, h, c, kernel, recurrent_kernel, bias):
    """Run an LSTM in a `jax.lax.scan`; see `ops.lstm`."""

    def step(state, projected):
        h, c = state
        h, c = lstm_cell(projected + h @ recurrent_kernel, c)
        return (h, c), h

    (h, c), outputs = jax.lax.scan(step, (h, c), project(x, kernel, bias))
    return jnp.swapaxes(outputs, 0, 1), h, c
