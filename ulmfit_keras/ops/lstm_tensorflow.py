"""The LSTM over a sequence on TensorFlow."""

import tensorflow as tf


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
        return loop_lstm, "own backward pass, for any device"
    if not has_gpu():
        return loop_lstm, "own backward pass, since TensorFlow sees no GPU"
    return cudnn_lstm, "cuDNN, since TensorFlow sees a GPU"


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


@tf.custom_gradient
def loop_lstm(x, initial_h, initial_c, kernel, recurrent_kernel, bias):
    """An LSTM with a backward pass of its own.

    TensorFlow's would add a product as large as the recurrent kernel to a sum
    at every step, and read that kernel transposed. Here the loop finds the
    gradient of the gates only, and one large product gives that of all weights.

    Within the loops the tensors of a step are (B, F), or (F, B) where
    `keeps_columns`.
    """
    batch_size = x.shape[0]
    units = recurrent_kernel.shape[0]
    x = tf.transpose(x, (1, 0, 2))
    num_steps = tf.shape(x)[0]
    in_columns = keeps_columns(x.dtype)
    gates_axis = 0 if in_columns else 1

    def turn(x):
        return tf.linalg.matrix_transpose(x) if in_columns else x

    def product(state, turned_matrix):
        if in_columns:
            return tf.matmul(turned_matrix, state)
        return tf.matmul(state, turned_matrix)

    def write_later(width):
        shape = (width, batch_size) if in_columns else (batch_size, width)
        return tf.TensorArray(x.dtype, num_steps, element_shape=shape)

    def stack(written):
        """Steps (T, B, F) from what the loops wrote."""
        return turn(written.stack())

    projected = turn(matmul(x, kernel) + bias)
    forward_kernel = turn(recurrent_kernel)

    def forward(t, h, c, hs, cs, gates):
        z = projected[t] + product(h, forward_kernel)
        i, f, candidate, o = tf.split(z, 4, axis=gates_axis)
        i, f, o = tf.sigmoid(i), tf.sigmoid(f), tf.sigmoid(o)
        candidate = tf.tanh(candidate)
        c = f * c + i * candidate
        h = o * tf.tanh(c)
        activations = tf.concat([i, f, candidate, o], axis=gates_axis)
        written = (hs.write(t, h), cs.write(t, c), gates.write(t, activations))
        return t + 1, h, c, *written

    start = (0, turn(initial_h), turn(initial_c))
    kept = (write_later(units), write_later(units), write_later(4 * units))
    _, h, c, hs, cs, gates = tf.while_loop(
        lambda t, *_: t < num_steps,
        forward,
        start + kept,
        maximum_iterations=num_steps,
    )
    hs = stack(hs)
    # For the loop backwards only, so they stay as they are.
    cs, gates = cs.stack(), gates.stack()

    def gradient(d_outputs, d_h, d_c):
        d_outputs = turn(tf.transpose(d_outputs, (1, 0, 2)))
        cs_before = tf.concat([turn(initial_c)[None], cs[:-1]], axis=0)
        backward_kernel = turn(tf.transpose(recurrent_kernel))

        def backward(t, d_h, d_c, d_zs):
            i, f, candidate, o = tf.split(gates[t], 4, axis=gates_axis)
            squashed = tf.tanh(cs[t])
            d_h += d_outputs[t]
            d_c += tanh_gradient(squashed, d_h * o)
            d_z = tf.concat(
                [
                    sigmoid_gradient(i, d_c * candidate),
                    sigmoid_gradient(f, d_c * cs_before[t]),
                    tanh_gradient(candidate, d_c * i),
                    sigmoid_gradient(o, d_h * squashed),
                ],
                axis=gates_axis,
            )
            d_h = product(d_z, backward_kernel)
            return t - 1, d_h, d_c * f, d_zs.write(t, d_z)

        _, d_h, d_c, d_zs = tf.while_loop(
            lambda t, *_: t >= 0,
            backward,
            (num_steps - 1, turn(d_h), turn(d_c), write_later(4 * units)),
            maximum_iterations=num_steps,
        )
        d_zs = stack(d_zs)
        d_x = tf.transpose(matmul(d_zs, tf.transpose(kernel)), (1, 0, 2))
        hs_before = tf.concat([initial_h[None], hs[:-1]], axis=0)
        # The bias is the weight of a one.
        factors = tf.concat([x, hs_before, tf.ones_like(x[..., :1])], axis=2)
        d_kernel, d_recurrent_kernel, d_bias = tf.split(
            matmul_steps(factors, d_zs), [x.shape[-1], units, 1]
        )
        gradients = (
            d_x,
            turn(d_h),
            turn(d_c),
            d_kernel,
            d_recurrent_kernel,
            d_bias[0],
        )
        return [
            tf.raw_ops.PreventGradient(
                input=value, message="ulmfit_keras.ops.lstm has no second one."
            )
            for value in gradients
        ]

    return (tf.transpose(hs, (1, 0, 2)), turn(h), turn(c)), gradient


def keeps_columns(dtype):
    """Whether the loops shall keep their tensors as (F, B).

    In bfloat16 a step's product spends a quarter of its time on repacking its
    right factor, which so is the small state and not the large kernel.
    """
    return dtype == tf.bfloat16


def sigmoid_gradient(y, d_y):
    """d_y * y * (1 - y) in one pass."""
    return tf.raw_ops.SigmoidGrad(y=y, dy=d_y)


def tanh_gradient(y, d_y):
    """d_y * (1 - y * y) in one pass."""
    return tf.raw_ops.TanhGrad(y=y, dy=d_y)


def matmul(x, matrix):
    """Multiply (T, B, D) by (D, F) in one product, to (T, B, F)."""
    product = tf.matmul(tf.reshape(x, (-1, matrix.shape[0])), matrix)
    shape = (*tf.unstack(tf.shape(x)[:2]), matrix.shape[1])
    product = tf.reshape(product, shape)
    product.set_shape((*x.shape[:2], matrix.shape[1]))
    return product


def matmul_steps(x, d_zs):
    """Sum of the products x[t]^T d_zs[t] over all steps, (D, F)."""
    flat = (tf.reshape(tensor, (-1, tensor.shape[2])) for tensor in (x, d_zs))
    return tf.matmul(*flat, transpose_a=True)
