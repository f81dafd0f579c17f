"""The LSTM over a sequence on TensorFlow."""

import tensorflow as tf

from ulmfit_keras.ops.lstm_reference import lstm_cell


def project(x, kernel, bias):
    """Multiply all steps by the kernel at once: (B, T, D) to (T, B, 4H)."""
    steps_first = tf.transpose(x, (1, 0, 2))
    num_steps, batch_size = tf.unstack(tf.shape(steps_first)[:2])
    flat = tf.reshape(steps_first, (-1, kernel.shape[0]))
    projected = tf.matmul(flat, kernel) + bias
    return tf.reshape(projected, (num_steps, batch_size, kernel.shape[1]))


def lstm(x, h, c, kernel, recurrent_kernel, bias):
    """Run an LSTM in a `tf.while_loop`; see `ops.lstm`."""
    projected = project(x, kernel, bias)
    num_steps = tf.shape(projected)[0]
    inputs = tf.TensorArray(projected.dtype, num_steps).unstack(projected)
    outputs = tf.TensorArray(h.dtype, num_steps, element_shape=h.shape)

    def body(t, h, c, outputs):
        gates = inputs.read(t) + tf.matmul(h, recurrent_kernel)
        h, c = lstm_cell(gates, c)
        return t + 1, h, c, outputs.write(t, h)

    _, h, c, outputs = tf.while_loop(
        lambda t, *_: t < num_steps,
        body,
        (0, h, c, outputs),
        maximum_iterations=num_steps,
    )
    outputs = tf.transpose(outputs.stack(), (1, 0, 2))
    outputs.set_shape((x.shape[0], x.shape[1], h.shape[-1]))
    return outputs, h, c
