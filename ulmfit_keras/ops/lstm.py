"""The LSTM over a whole sequence, by the fastest way of each backend."""

import importlib

import keras

_DIMENSIONS = {
    "x": "BTD",
    "initial_h": "BH",
    "initial_c": "BH",
    "kernel": "DG",
    "recurrent_kernel": "HG",
    "bias": "G",
}


def lstm(
    x, initial_h, initial_c, kernel, recurrent_kernel, bias, portable=False
):
    """Run an LSTM over a batch of sequences.

    The weights are plain arguments, so a recurrent kernel with dropped
    entries (DropConnect, Merity et al. 2017, section 2) runs as fast as a
    whole one. All arguments share one dtype.

    Args:
        x: (B, T, D), the inputs; padded steps are read like any other.
        initial_h: (B, H), the output before the first step.
        initial_c: (B, H), the cell state before the first step.
        kernel: (D, 4H), gates in the order i, f, c, o.
        recurrent_kernel: (H, 4H).
        bias: (4H,).
        portable: use only operations that run on every device, for a graph
            that is to be saved. Defaults to False.

    Returns:
        The outputs (B, T, H) and the states h (B, H) and c (B, H) after the
        last step.

    Raises:
        ValueError: if the shapes do not fit each other.

    Example:

    ```python
    outputs, h, c = lstm(x, h, c, kernel, recurrent_kernel, bias)
    ```
    """
    arguments = (x, initial_h, initial_c, kernel, recurrent_kernel, bias)
    check_shapes(*arguments)
    return backend_module().lstm(*arguments, portable)


def check_shapes(*arguments):
    """Raise unless the shapes of `lstm` fit, as far as they are known.

    Torch's kernel does not look, and reads beyond the ends of its arguments.
    """
    shapes = [tuple(argument.shape) for argument in arguments]
    sizes = {}
    fit = all(
        len(shape) == len(dimensions)
        and all(
            size is None or sizes.setdefault(dimension, size) == size
            for dimension, size in zip(dimensions, shape, strict=True)
        )
        for shape, dimensions in zip(shapes, _DIMENSIONS.values(), strict=True)
    )
    if not fit or sizes["G"] != 4 * sizes["H"]:
        received = zip(_DIMENSIONS, shapes, strict=True)
        raise ValueError(
            "The LSTM's arguments must fit each other: x (B, T, D), initial_h "
            "and initial_c (B, H), kernel (D, 4H), recurrent_kernel (H, 4H) "
            "and bias (4H,). Received: "
            + ", ".join(f"{name} {shape}" for name, shape in received)
        )


def lstm_supports_jit(portable=False):
    """Whether XLA can compile `lstm`: all but TensorFlow's GPU kernel.

    Args:
        portable: as for `lstm`.

    Returns:
        bool.

    Example:

    ```python
    layer.supports_jit = lstm_supports_jit()
    ```
    """
    if portable or keras.backend.backend() != "tensorflow":
        return True
    return not backend_module().has_gpu()


def lstm_path(dtype, portable=False):
    """What `lstm` runs here, and why, in a few words.

    Args:
        dtype: str, of its arguments.
        portable: as for `lstm`.

    Returns:
        str.

    Example:

    >>> lstm_path("float32")  # doctest: +SKIP
    'cuDNN'
    """
    _, reason = backend_module().choose(dtype, portable)
    return reason


def backend_module():
    backend = keras.backend.backend()
    return importlib.import_module(f"ulmfit_keras.ops.lstm_{backend}")
