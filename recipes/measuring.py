"""What benchmarks share: times, memory, and what the machine can do.

It imports Keras, so recipes import it after `common.start()`.
"""

import resource
import statistics
import sys
import time

import keras
import numpy as np
from keras import ops


def wait_for(values):
    """Return when an array that a backend computes is there."""
    return ops.convert_to_numpy(ops.cast(values, "float32"))


def seconds(function, repeats, warm_up=2):
    """Seconds that each call of a function took, after a few untimed ones."""
    for _ in range(warm_up):
        wait_for(function())
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        wait_for(function())
        times.append(time.perf_counter() - started)
    return times


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


def peak_memory_mib():
    """The largest resident memory of this process so far, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10), 1)


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
