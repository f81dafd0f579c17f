"""What benchmarks share: times, memory, and what the machine can do.

It imports Keras, so recipes import it after `common.start()`.
"""

import statistics
import time

import keras
import numpy as np
from keras import ops

from recipes import processes


def wait_for(values):
    """Return when an array that a backend computes is there."""
    return ops.convert_to_numpy(ops.cast(values, "float32"))


def seconds(function, repeats, warm_up=2):
    """Seconds until the array that each call of a function returns is there.

    A few calls before are not timed.
    """
    return processes.seconds(lambda: wait_for(function()), repeats, warm_up)


def median(values):
    """The middle value, rounded for people."""
    return float(f"{statistics.median(values):.4g}")


def gemm_peak_gflops(dtype, size=2048, repeats=9):
    """Billions of operations a second in one large matrix product."""
    generator = np.random.default_rng(0)
    a, b = (
        ops.cast(generator.normal(size=(size, size)), dtype) for _ in range(2)
    )
    times = seconds(lambda: ops.matmul(a, b)[0, 0], repeats)
    return median([2 * size**3 / t / 1e9 for t in times])


def model_flops(backbone, output_words):
    """Operations that one token costs forward, products only.

    Args:
        backbone: an `AWDLSTMBackbone`.
        output_words: words in the softmax, 0 where there is none.
    """
    total = 2 * backbone.embedding_dim * output_words
    inputs = backbone.embedding_dim
    for units in backbone.units:
        total += 2 * 4 * units * (inputs + units)
        inputs = units
    return total


class StepTimes(keras.callbacks.Callback):
    """Keeps the seconds from the end of a training step to that of the next.

    Args:
        skip: steps of each epoch that are not kept; the first ones compile.

    Attributes:
        epochs: list of the seconds of each epoch.
    """

    def __init__(self, skip=2):
        super().__init__()
        self.skip = skip
        self.epochs = []

    def on_epoch_begin(self, epoch, logs=None):
        self.epochs.append([])

    def on_train_batch_end(self, batch, logs=None):
        now = time.perf_counter()
        if batch >= self.skip:
            self.epochs[-1].append(now - self.ended)
        self.ended = now
