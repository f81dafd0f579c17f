"""The LSTM on TensorFlow for bfloat16 on a CPU, with texts as columns.

A step's product spends a quarter of its time on repacking its right factor,
which so is the small state and not the large kernel. In float32 it does not.
"""

import functools

import tensorflow as tf

from ulmfit_keras.ops import lstm_tensorflow_cell
from ulmfit_keras.ops.lstm_tensorflow_cell import only_once
from ulmfit_keras.ops.lstm_tensorflow_cell import read
from ulmfit_keras.ops.lstm_tensorflow_cell import read_gradients

# XLA reads and writes the tensors of a step once, not once for each operation.
# In float32, where products take most of the time, that gains nothing.
xla = functools.partial(tf.function, jit_compile=True, autograph=False)
cell = xla(functools.partial(lstm_tensorflow_cell.cell, axis=0))
cell_gradient = xla(
    functools.partial(lstm_tensorflow_cell.cell_gradient, axis=0)
)


@tf.custom_gradient
def column_lstm(x, initial_h, initial_c, kernel, recurrent_kernel, bias):
    """An LSTM with a backward pass of its own; see `ops.lstm`, `row_lstm`.

    Within it tensors are (T, F, B).
    """
    turn = tf.transpose
    x = tf.transpose(x, (1, 2, 0))
    forward_kernel = turn(recurrent_kernel)

    def step(inputs, h, c):
        return cell(inputs, tf.matmul(forward_kernel, h), bias[:, None], c)

    inputs = tf.matmul(turn(kernel)[None], x)
    initial_c = turn(initial_c)
    hs, cs, gates, h, c = read(inputs, turn(initial_h), initial_c, step)

    def gradient(d_outputs, d_h, d_c):
        def step_gradient(*tensors):
            d_z, d_c = cell_gradient(*tensors)
            return d_z, tf.matmul(recurrent_kernel, d_z), d_c

        d_outputs = tf.transpose(d_outputs, (1, 2, 0))
        d_zs, d_h, d_c = read_gradients(
            d_outputs, turn(d_h), turn(d_c), cs, gates, initial_c, step_gradient
        )
        d_x = tf.transpose(tf.matmul(kernel[None], d_zs), (2, 0, 1))
        hs_before = tf.concat([turn(initial_h)[None], hs[:-1]], axis=0)
        # The bias is the weight of a one.
        factors = tf.concat([x, hs_before, tf.ones_like(x[:, :1])], axis=1)
        flat = (
            tf.reshape(tf.transpose(tensor, (1, 0, 2)), (tensor.shape[1], -1))
            for tensor in (factors, d_zs)
        )
        d_weights = tf.matmul(*flat, transpose_b=True)
        d_kernel, d_recurrent_kernel, d_bias = tf.split(
            d_weights, [x.shape[1], recurrent_kernel.shape[0], 1]
        )
        return only_once(
            d_x, turn(d_h), turn(d_c), d_kernel, d_recurrent_kernel, d_bias[0]
        )

    return (tf.transpose(hs, (2, 0, 1)), turn(h), turn(c)), gradient
