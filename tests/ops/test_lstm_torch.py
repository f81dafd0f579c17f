"""What only torch asks of the LSTM."""

import keras
import numpy as np
import pytest

if keras.backend.backend() != "torch":
    pytest.skip("needs the torch backend", allow_module_level=True)

import torch

from ulmfit_keras.ops import lstm


def make_tensors():
    rng = np.random.default_rng(0)
    shapes = ((3, 3, 4), (3, 5), (3, 5), (4, 20), (5, 20), (20,))
    return [
        torch.tensor(rng.normal(size=s), dtype=torch.float32) for s in shapes
    ]


def test_compiling_takes_the_plain_loop(monkeypatch):
    tensors = make_tensors()
    expected = lstm(*tensors)
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    monkeypatch.setattr(torch._VF, "lstm", None)
    for a, e in zip(lstm(*tensors), expected, strict=True):
        torch.testing.assert_close(a, e)
