import keras
import pytest

from ulmfit_keras import models
from ulmfit_keras.ops.lstm import backend_module


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_every_lstm_is_named_with_the_path_it_takes(dtype, monkeypatch):
    backbone = models.AWDLSTMBackbone(20, 4, 6, num_layers=2, dtype=dtype)
    classifier = models.AWDLSTMTextClassifier(backbone, num_classes=2)
    backend = backend_module()
    asked = []

    def choose(dtype, portable):
        asked.append((dtype, portable))
        return None, "a path"

    monkeypatch.setattr(backend, "choose", choose)
    lines = models.fast_path_report(classifier).splitlines()
    assert len(lines) == 2
    compute_dtype = backbone.compute_dtype
    assert lines[0] == (
        f"lstm_0: {keras.backend.backend()}, {compute_dtype}: a path"
    )
    assert lines[1].startswith("lstm_1: ")
    assert asked == [(compute_dtype, False)] * 2


FASTEST = {
    "tensorflow": "row_lstm",
    "jax": "column_lstm",
    "torch": "torch_lstm",
}


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_a_processor_takes_what_was_measured_to_be_fastest(dtype):
    backend = keras.backend.backend()
    if backend != "torch":
        (device, *_) = keras.distribution.list_devices()
        if not device.startswith("cpu"):
            pytest.skip(f"for processors, and this is {device}")
    expected = FASTEST[backend]
    if (backend, dtype) == ("tensorflow", "bfloat16"):
        expected = "column_lstm"
    run, _ = backend_module().choose(dtype, portable=False)
    assert run.__name__ == expected


def test_portable_layers_say_so():
    layer = models.AWDLSTMBackbone(20, 4, 6, num_layers=1).lstm_layers[0]
    layer.portable = True
    assert "any device" in models.fast_path_report(layer)
