"""Which implementation each layer of a model runs on this machine."""

import keras

from ulmfit_keras.layers import WeightDropLSTM
from ulmfit_keras.ops import lstm_path
from ulmfit_keras.optimizers.keras_hooks import walk_layers


def fast_path_report(model):
    """Say for each LSTM of a model which implementation it takes, and why.

    Args:
        model: a Keras model or layer.

    Returns:
        str, a line for each `WeightDropLSTM`: its name, backend, dtype and
        path.

    Example:

    ```python
    print(fast_path_report(classifier))
    # lstm_0: tensorflow, float32: cuDNN, since TensorFlow sees a GPU
    ```
    """
    lstms = [x for x in walk_layers(model) if isinstance(x, WeightDropLSTM)]
    return "\n".join(
        f"{lstm.name}: {keras.backend.backend()}, {lstm.compute_dtype}: "
        f"{lstm_path(lstm.compute_dtype, lstm.portable)}"
        for lstm in sorted(lstms, key=lambda lstm: lstm.name)
    )
