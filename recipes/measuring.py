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
    return rounded(statistics.median(values))


def rounded(value):
    return float(f"{value:.4g}")


def gemm_peak_gflops(dtype, size=2048, repeats=9):
    """Billions of operations a second in one large matrix product.

    One so large that starting it takes no time to speak of: on a GPU the
    sizes are doubled from `size` on until it takes five milliseconds.
    """
    generator = np.random.default_rng(0)
    while True:
        a, b = (
            ops.cast(generator.random((size, size), "float32"), dtype)
            for _ in range(2)
        )
        times = seconds(lambda: ops.matmul(a, b)[0, 0], repeats)  # noqa: B023
        if statistics.median(times) > 0.005 or size >= 2**14:
            return median([2 * size**3 / t / 1e9 for t in times])
        size *= 2


def gpu_memory_mib():
    """The most that this process had in a GPU's memory; None without one."""
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        # A processor has no such figures.
        figures = jax.local_devices()[0].memory_stats() or {}
        peak = figures.get("peak_bytes_in_use")
    elif backend == "tensorflow":
        import tensorflow as tf

        has_gpu = tf.config.list_logical_devices("GPU")
        memory = tf.config.experimental.get_memory_info
        peak = memory("GPU:0")["peak"] if has_gpu else None
    else:
        import torch

        has_gpu = torch.cuda.is_available()
        peak = torch.cuda.max_memory_allocated() if has_gpu else None
    return None if peak is None else round(peak / 2**20)


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


class TimedReads:
    """To inherit from before a `keras.utils.PyDataset`: times its batches.

    Attributes:
        read_seconds: list of the seconds in which each batch was made.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.read_seconds = []

    def __getitem__(self, index):
        started = time.perf_counter()
        batch = super().__getitem__(index)
        self.read_seconds.append(time.perf_counter() - started)
        return batch


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
