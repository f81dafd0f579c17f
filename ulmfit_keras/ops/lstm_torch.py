"""The LSTM over a sequence on torch."""

import torch

from ulmfit_keras.ops import lstm_reference


def lstm(x, h, c, kernel, recurrent_kernel, bias, portable):
    """Run torch's own LSTM kernel, on CPU and GPU; see `ops.lstm`."""
    if x.shape[1] == 0:
        # Neither way below takes no steps. A product, since it has a gradient.
        return x @ kernel[:, : h.shape[1]], h, c
    run, _ = choose(str(x.dtype), portable)
    return run(x, h, c, kernel, recurrent_kernel, bias)


def choose(dtype, portable):
    """The function to run for a dtype, and a text that says why."""
    if portable:
        return lstm_reference.lstm, "plain loop, for any device"
    if torch.compiler.is_compiling():
        # TypeError from `aten.mkldnn_rnn_layer`.
        return lstm_reference.lstm, "plain loop, for torch.compile"
    return torch_lstm, "torch's kernel"


def torch_lstm(x, h, c, kernel, recurrent_kernel, bias):
    """The kernel behind `torch.nn.LSTM`, which takes weights as arguments."""
    weights = [
        kernel.T.contiguous(),
        recurrent_kernel.T.contiguous(),
        bias,
        torch.zeros_like(bias),  # torch has two biases, and adds them
    ]
    outputs, h, c = torch._VF.lstm(
        x,
        (h[None].contiguous(), c[None].contiguous()),
        weights,
        True,  # has biases
        1,  # layers
        0.0,  # dropout between layers
        torch.is_grad_enabled(),  # keep what the backward pass needs
        False,  # bidirectional
        True,  # batch first
    )
    return outputs, h[0], c[0]
