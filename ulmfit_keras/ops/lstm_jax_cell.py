"""What LSTMs on JAX share, whether texts are rows or columns."""

import jax
import jax.numpy as jnp


def cell(z, c, axis):
    """From the summed inputs of the gates to the next state.

    Args:
        z: inputs of the gates i, f, c, o, one after the other along `axis`.
        c: the cell state before.
        axis: of the units, -1 where texts are rows, 0 where columns.

    Returns:
        h, c, and the activations of the gates for `cell_gradient`.
    """
    i, f, candidate, o = jnp.split(z, 4, axis=axis)
    i, f, o = jax.nn.sigmoid(i), jax.nn.sigmoid(f), jax.nn.sigmoid(o)
    candidate = jnp.tanh(candidate)
    c = f * c + i * candidate
    return o * jnp.tanh(c), c, (i, f, candidate, o)


def cell_gradient(d_h, d_c, c, c_before, gates, axis):
    """The gradients of `cell` by z and by the cell state before."""
    i, f, candidate, o = gates
    squashed = jnp.tanh(c)
    d_c += d_h * o * (1 - squashed * squashed)
    d_z = jnp.concatenate(
        [
            d_c * candidate * i * (1 - i),
            d_c * c_before * f * (1 - f),
            d_c * i * (1 - candidate * candidate),
            d_h * squashed * o * (1 - o),
        ],
        axis=axis,
    )
    return d_z, d_c * f


def shifted(states, initial):
    """The states before each step."""
    return jnp.concatenate([initial[None], states[:-1]])


def weight_gradients(x, hs_before, d_zs):
    """Gradients of kernel, recurrent kernel and bias, one product each.

    Args:
        x: (T, B, D).
        hs_before: (T, B, H).
        d_zs: (T, B, 4H), gradients by the inputs of the gates.
    """
    d_zs = d_zs.reshape(-1, d_zs.shape[2])
    # Half precision loses small terms of a long sum.
    wide = jnp.promote_types(d_zs.dtype, "float32")
    return (
        x.reshape(-1, x.shape[2]).T @ d_zs,
        hs_before.reshape(-1, hs_before.shape[2]).T @ d_zs,
        jnp.sum(d_zs, axis=0, dtype=wide).astype(d_zs.dtype),
    )
