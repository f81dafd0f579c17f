"""The LSTM over a sequence on torch."""

import torch

from ulmfit_keras.ops import lstm_reference


def lstm(x, h, c, kernel, recurrent_kernel, bias, portable):
    """Run torch's own LSTM kernel, on CPU and GPU; see `ops.lstm`.

    The plain loop where that kernel is not to be used, or `torch.compile`
    cannot trace it (TypeError from `aten.mkldnn_rnn_layer`).
    """
    if portable or torch.compiler.is_compiling():
        return lstm_reference.lstm(x, h, c, kernel, recurrent_kernel, bias)
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
