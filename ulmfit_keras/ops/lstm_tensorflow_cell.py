"""What LSTMs on TensorFlow share, whether texts are rows or columns.

A step computes in float32 at least: in half precision TensorFlow's operations
are slower, and each of them rounds.
"""

import tensorflow as tf


def cell(inputs, recurrent, bias, c, axis):
    """From what the gates are given to the next state.

    Args:
        inputs: from the step's input to the gates i, f, c, o, one after the
            other along `axis`.
        recurrent: the same from the output before, to be added.
        bias: to be added, too.
        c: the cell state before.
        axis: of the units, 1 where texts are rows, 0 where columns.

    Returns:
        h, c, and the activations of the gates for `cell_gradient`.
    """
    dtype = c.dtype
    inputs, recurrent, bias, c = widened(inputs, recurrent, bias, c)
    z = inputs + recurrent + bias
    i, f, candidate, o = tf.split(z, 4, axis=axis)
    i, f, o = tf.sigmoid(i), tf.sigmoid(f), tf.sigmoid(o)
    candidate = tf.tanh(candidate)
    c = f * c + i * candidate
    h = o * tf.tanh(c)
    gates = tf.concat([i, f, candidate, o], axis=axis)
    return tuple(tf.cast(tensor, dtype) for tensor in (h, c, gates))


def cell_gradient(d_output, d_h, d_c, c, c_before, gates, axis):
    """The gradients of `cell` by its inputs and by the cell state before.

    Args:
        d_output: gradient by h as an output of the layer.
        d_h: the same by h as what the next step reads, to be added.
        d_c: gradient by c.
        c: what `cell` returned.
        c_before: what it was given.
        gates: what it returned.
        axis: as for `cell`.
    """
    dtype = c.dtype
    d_output, d_h, d_c, c, c_before, gates = widened(
        d_output, d_h, d_c, c, c_before, gates
    )
    i, f, candidate, o = tf.split(gates, 4, axis=axis)
    squashed = tf.tanh(c)
    d_h += d_output
    d_c += tanh_gradient(squashed, d_h * o)
    d_z = tf.concat(
        [
            sigmoid_gradient(i, d_c * candidate),
            sigmoid_gradient(f, d_c * c_before),
            tanh_gradient(candidate, d_c * i),
            sigmoid_gradient(o, d_h * squashed),
        ],
        axis=axis,
    )
    return tf.cast(d_z, dtype), tf.cast(d_c * f, dtype)


def widened(*tensors):
    """The tensors, those of half precision in float32."""
    return [tf.cast(x, tf.float32) if x.dtype.size < 4 else x for x in tensors]


def sigmoid_gradient(y, d_y):
    """d_y * y * (1 - y) in one pass."""
    return tf.raw_ops.SigmoidGrad(y=y, dy=d_y)


def tanh_gradient(y, d_y):
    """d_y * (1 - y * y) in one pass."""
    return tf.raw_ops.TanhGrad(y=y, dy=d_y)


def read(inputs, initial_h, initial_c, step):
    """Run all steps.

    Args:
        inputs: (T, …), what steps read.
        initial_h: output before the first step.
        initial_c: cell state before it.
        step: function from inputs of a step, h and c to h, c and gates.

    Returns:
        h and c of all steps, and the gates, (T, …) each; the last h and c.
    """
    num_steps = tf.shape(inputs)[0]

    def forward(t, h, c, hs, cs, gates):
        h, c, activations = step(inputs[t], h, c)
        written = (hs.write(t, h), cs.write(t, c), gates.write(t, activations))
        return t + 1, h, c, *written

    shapes = (initial_h.shape, initial_h.shape, inputs.shape[1:])
    kept = [steps_of(shape, num_steps, inputs.dtype) for shape in shapes]
    _, h, c, *kept = tf.while_loop(
        lambda t, *_: t < num_steps,
        forward,
        (0, initial_h, initial_c, *kept),
        maximum_iterations=num_steps,
    )
    return *(written.stack() for written in kept), h, c


def read_gradients(d_outputs, d_h, d_c, cs, gates, initial_c, step_gradient):
    """The gradients of what `read` was given, from the last step to the first.

    Args:
        d_outputs: (T, …), by h of all steps.
        d_h: by the last h.
        d_c: by the last c.
        cs: from `read`.
        gates: from `read`.
        initial_c: as for `read`.
        step_gradient: function from d_output, d_h, d_c, c, c_before and gates
            of a step to the gradients by its inputs, and by h and c before it.

    Returns:
        The gradients by the inputs (T, …), by initial_h and by initial_c.
    """
    num_steps = tf.shape(cs)[0]
    cs_before = tf.concat([initial_c[None], cs[:-1]], axis=0)

    def backward(t, d_h, d_c, d_zs):
        d_z, d_h, d_c = step_gradient(
            d_outputs[t], d_h, d_c, cs[t], cs_before[t], gates[t]
        )
        return t - 1, d_h, d_c, d_zs.write(t, d_z)

    d_zs = steps_of(gates.shape[1:], num_steps, gates.dtype)
    _, d_h, d_c, d_zs = tf.while_loop(
        lambda t, *_: t >= 0,
        backward,
        (num_steps - 1, d_h, d_c, d_zs),
        maximum_iterations=num_steps,
    )
    return d_zs.stack(), d_h, d_c


def steps_of(shape, num_steps, dtype):
    """An array into which a loop writes its steps."""
    return tf.TensorArray(dtype, num_steps, element_shape=shape)


def only_once(*gradients):
    """The gradients, as tensors that have none themselves."""
    return [
        tf.raw_ops.PreventGradient(
            input=gradient, message="ulmfit_keras.ops.lstm has no second one."
        )
        for gradient in gradients
    ]
