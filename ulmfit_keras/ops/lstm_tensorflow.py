"""The LSTM over a sequence on TensorFlow."""

import tensorflow as tf

from ulmfit_keras.ops.lstm_tensorflow_columns import column_lstm
from ulmfit_keras.ops.lstm_tensorflow_rows import row_lstm


def lstm(x, h, c, kernel, recurrent_kernel, bias, portable):
    """Run cuDNN's LSTM, or one in a `tf.while_loop`; see `ops.lstm`."""
    arguments = (x, h, c, kernel, recurrent_kernel, bias)
    x, h, c, *weights = (tf.convert_to_tensor(a) for a in arguments)
    # What one of them knows about the batch size, the loops must know of all.
    batch_size = tf.TensorShape([x.shape[0]]).merge_with([h.shape[0]])[0]
    x = tf.ensure_shape(x, (batch_size, *x.shape[1:]))
    h, c = (tf.ensure_shape(s, (batch_size, s.shape[-1])) for s in (h, c))
    run, _ = choose(x.dtype.name, portable)
    outputs, last_h, last_c = run(x, h, c, *weights)
    outputs.set_shape((*x.shape[:2], h.shape[-1]))
    return outputs, last_h, last_c


def choose(dtype, portable):
    """The function to run for a dtype, and a text that says why."""
    if portable:
        return row_lstm, "own backward pass, for any device"
    if has_gpu():
        return cudnn_lstm, "cuDNN, since TensorFlow sees a GPU"
    run = column_lstm if dtype == "bfloat16" else row_lstm
    return run, "own backward pass, since TensorFlow sees no GPU"


def has_gpu():
    return bool(tf.config.get_visible_devices("GPU"))


def cudnn_lstm(x, h, c, kernel, recurrent_kernel, bias):
    """The kernel of NVIDIA GPUs, which XLA cannot compile."""
    matrices = (
        *tf.split(kernel, 4, axis=1),
        *tf.split(recurrent_kernel, 4, axis=1),
    )
    flat = [tf.reshape(tf.transpose(matrix), (-1,)) for matrix in matrices]
    batch_size, num_steps = tf.unstack(tf.shape(x)[:2])
    outputs, h, c, _, _ = tf.raw_ops.CudnnRNNV3(
        input=tf.transpose(x, (1, 0, 2)),
        input_h=h[None],
        input_c=c[None],
        # cuDNN has two biases, and adds them.
        params=tf.concat([*flat, tf.zeros_like(bias), bias], axis=0),
        sequence_lengths=tf.fill((batch_size,), num_steps),
        rnn_mode="lstm",
        time_major=True,
        is_training=True,
    )
    return tf.transpose(outputs, (1, 0, 2)), h[0], c[0]
