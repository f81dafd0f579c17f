"""The LSTM on TensorFlow with texts as rows, of any dtype, for any device."""

import functools

import tensorflow as tf

from ulmfit_keras.ops import lstm_tensorflow_cell
from ulmfit_keras.ops.lstm_tensorflow_cell import only_once
from ulmfit_keras.ops.lstm_tensorflow_cell import read
from ulmfit_keras.ops.lstm_tensorflow_cell import read_gradients

cell = functools.partial(lstm_tensorflow_cell.cell, axis=1)
cell_gradient = functools.partial(lstm_tensorflow_cell.cell_gradient, axis=1)


@tf.custom_gradient
def row_lstm(x, initial_h, initial_c, kernel, recurrent_kernel, bias):
    """An LSTM with a backward pass of its own; see `ops.lstm`.

    TensorFlow's would add a product as large as the recurrent kernel to a sum
    at every step, and read that kernel transposed. Here the loop finds the
    gradient of the gates only, and one large product gives that of all weights.

    Within it tensors are (T, B, F).
    """
    x = tf.transpose(x, (1, 0, 2))

    def step(inputs, h, c):
        return cell(inputs, tf.matmul(h, recurrent_kernel), bias, c)

    hs, cs, gates, h, c = read(matmul(x, kernel), initial_h, initial_c, step)

    def gradient(d_outputs, d_h, d_c):
        backward_kernel = tf.transpose(recurrent_kernel)

        def step_gradient(*tensors):
            d_z, d_c = cell_gradient(*tensors)
            return d_z, tf.matmul(d_z, backward_kernel), d_c

        d_outputs = tf.transpose(d_outputs, (1, 0, 2))
        d_zs, d_h, d_c = read_gradients(
            d_outputs, d_h, d_c, cs, gates, initial_c, step_gradient
        )
        d_x = tf.transpose(matmul(d_zs, tf.transpose(kernel)), (1, 0, 2))
        hs_before = tf.concat([initial_h[None], hs[:-1]], axis=0)
        # The bias is the weight of a one.
        factors = tf.concat([x, hs_before, tf.ones_like(x[..., :1])], axis=2)
        flat = (
            tf.reshape(tensor, (-1, tensor.shape[2]))
            for tensor in (factors, d_zs)
        )
        d_weights = tf.matmul(*flat, transpose_a=True)
        d_kernel, d_recurrent_kernel, d_bias = tf.split(
            d_weights, [x.shape[2], recurrent_kernel.shape[0], 1]
        )
        return only_once(d_x, d_h, d_c, d_kernel, d_recurrent_kernel, d_bias[0])

    return (tf.transpose(hs, (1, 0, 2)), h, c), gradient


def matmul(x, matrix):
    """Multiply (T, B, D) by (D, F) in one product, to (T, B, F)."""
    product = tf.matmul(tf.reshape(x, (-1, matrix.shape[0])), matrix)
    shape = (*tf.unstack(tf.shape(x)[:2]), matrix.shape[1])
    product = tf.reshape(product, shape)
    product.set_shape((*x.shape[:2], matrix.shape[1]))
    return product
