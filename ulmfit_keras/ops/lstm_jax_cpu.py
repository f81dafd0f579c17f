"""The LSTM over a sequence on JAX and CPUs."""

import jax
import jax.numpy as jnp


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
        i, f, candidate, o = jnp.split(z, 4)
        i, f, o = jax.nn.sigmoid(i), jax.nn.sigmoid(f), jax.nn.sigmoid(o)
        candidate = jnp.tanh(candidate)
        c = f * c + i * candidate
        h = o * jnp.tanh(c)
        return (h, c), (h, c, (i, f, candidate, o))

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
        d_output, c, c_before, (i, f, candidate, o) = inputs
        squashed = jnp.tanh(c)
        d_h += d_output
        d_c += d_h * o * (1 - squashed * squashed)
        d_z = jnp.concatenate(
            [
                d_c * candidate * i * (1 - i),
                d_c * c_before * f * (1 - f),
                d_c * i * (1 - candidate * candidate),
                d_h * squashed * o * (1 - o),
            ]
        )
        before = (recurrent_kernel @ d_z, d_c * f)
        return before, (kernel @ d_z, d_z.T)

    inputs = (to_columns(d_outputs), cs, shifted(cs, initial_c), gates)
    (d_h, d_c), (d_xs, d_zs) = jax.lax.scan(
        step, (d_h.T, d_c.T), inputs, reverse=True
    )
    d_zs = d_zs.reshape(-1, d_zs.shape[2])
    hs_before = jnp.swapaxes(shifted(hs, initial_h), 1, 2)
    # Half precision loses small terms of a long sum.
    wide = jnp.promote_types(x.dtype, "float32")
    return (
        from_columns(d_xs),
        d_h.T,
        d_c.T,
        rows(jnp.swapaxes(x, 0, 1)).T @ d_zs,
        rows(hs_before).T @ d_zs,
        jnp.sum(d_zs, axis=0, dtype=wide).astype(x.dtype),
    )


def to_columns(x):
    """(B, T, D) to (T, D, B)."""
    return jnp.transpose(x, (1, 2, 0))


def from_columns(x):
    """(T, D, B) to (B, T, D)."""
    return jnp.transpose(x, (2, 0, 1))


def shifted(states, initial):
    """The states before each step."""
    return jnp.concatenate([initial[None], states[:-1]])


def rows(x):
    """(T, B, D) to (T * B, D)."""
    return x.reshape(-1, x.shape[2])


column_lstm.defvjp(forward, backward)
