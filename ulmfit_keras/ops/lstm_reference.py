"""The LSTM's equations, written once and plainly."""

from keras import ops


def lstm_cell(gates, c):
    """Turn the four pre-activations of one step into the next state.

    Source: Hochreiter & Schmidhuber 1997 with the forget gate of Gers et al.
    2000; gate order i, f, c, o as in `keras.layers.LSTM`.

    Args:
        gates: (B, 4H), the sum of both products and the bias.
        c: (B, H), the cell state before the step.

    Returns:
        The states (h, c) after the step, each (B, H).
    """
    i, f, candidate, o = ops.split(gates, 4, axis=-1)
    c = ops.sigmoid(f) * c + ops.sigmoid(i) * ops.tanh(candidate)
    return ops.sigmoid(o) * ops.tanh(c), c


def lstm_step(x, h, c, kernel, recurrent_kernel, bias):
    """Advance an LSTM by one step.

    Args:
        x: (B, D), the input of the step.
        h: (B, H), the output before the step.
        c: (B, H), the cell state before the step.
        kernel: (D, 4H), gates in the order i, f, c, o.
        recurrent_kernel: (H, 4H).
        bias: (4H,).

    Returns:
        The states (h, c) after the step, each (B, H).

    Example:

    ```python
    h, c = lstm_step(x, h, c, kernel, recurrent_kernel, bias)
    ```
    """
    gates = ops.matmul(x, kernel) + ops.matmul(h, recurrent_kernel) + bias
    return lstm_cell(gates, c)


def lstm(x, h, c, kernel, recurrent_kernel, bias):
    """Run an LSTM step by step in a Python loop; see `ops.lstm`.

    Needs a static number of steps.
    """
    outputs = []
    projected = ops.matmul(x, kernel) + bias
    for t in range(x.shape[1]):
        gates = projected[:, t] + ops.matmul(h, recurrent_kernel)
        h, c = lstm_cell(gates, c)
        outputs.append(h)
    return ops.stack(outputs, axis=1), h, c
