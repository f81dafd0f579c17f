"""What a run leaves that breaks off after a checkpoint, and what it needs."""

import keras
import numpy as np
import pytest

from ulmfit_keras.callbacks import ResumableTraining


class Break(keras.callbacks.Callback):
    """Ends the process, as it were, after the checkpoint of an epoch."""

    def __init__(self, epoch=None):
        super().__init__()
        self.epoch = epoch

    def on_epoch_end(self, epoch, logs=None):
        if epoch == self.epoch:
            raise RuntimeError("crash")


def fit(folder, *callbacks, kept=(), model=None, epochs=4, **compiling):
    if model is None:
        model = keras.Sequential([keras.layers.Dense(2)])
        model.build((None, 3))
        model.compile("sgd", "mse", **compiling)
    generator = np.random.default_rng(0)
    x = generator.normal(size=(12, 3)).astype("float32")
    y = np.eye(2, dtype="float32")[generator.integers(2, size=12)]
    return model.fit(
        x,
        y,
        epochs=epochs,
        shuffle=False,
        verbose=0,
        callbacks=[
            *kept, ResumableTraining(folder, callbacks=kept), *callbacks
        ],
    )  # fmt: skip


def test_an_exception_leaves_the_next_fit_alone(tmp_path):
    with pytest.raises(RuntimeError, match="crash"):
        fit(tmp_path, Break(2))
    model = keras.Sequential([keras.layers.Dense(2)])
    model.build((None, 3))
    model.compile("sgd", "mse")
    with pytest.raises(RuntimeError, match="crash"):
        fit(tmp_path, Break(3), model=model)
    history = model.fit(np.ones((4, 3)), np.ones((4, 2)), epochs=2, verbose=0)
    assert history.epoch == [0, 1]


def test_a_run_that_broke_after_its_last_epoch_has_its_history(tmp_path):
    with pytest.raises(RuntimeError, match="crash"):
        fit(tmp_path, Break(3))
    history = fit(tmp_path)
    assert history.epoch == [0, 1, 2, 3]
    assert len(history.history["loss"]) == 4


def test_a_run_that_was_stopped_early_is_not_trained_on(tmp_path):
    def stopping():
        return keras.callbacks.EarlyStopping(
            "loss", min_delta=1e9, patience=1, restore_best_weights=True
        )

    expected = fit(tmp_path / "unbroken", kept=[stopping()])
    assert len(expected.epoch) == 2
    with pytest.raises(RuntimeError, match="crash"):
        fit(tmp_path / "run", Break(1), kept=[stopping()])
    history = fit(tmp_path / "run", kept=[stopping()])
    assert history.epoch == [0, 1]
    assert not (tmp_path / "run").exists()


def test_metrics_that_are_vectors_are_kept(tmp_path):
    with pytest.raises(RuntimeError, match="crash"):
        fit(tmp_path, Break(1), metrics=[keras.metrics.F1Score(average=None)])
    history = fit(
        tmp_path, metrics=[keras.metrics.F1Score(average=None)]
    ).history
    assert np.shape(history["f1_score"]) == (4, 2)


class Scaled(keras.layers.Layer):
    def build(self, shape):
        self.scale = self.add_weight(name="scale", initializer="ones")
        self.bias = self.add_weight(shape=(1,), name="bias")

    def call(self, x):
        return x[:, :2] * self.scale + self.bias


def test_best_weights_with_a_scalar_are_kept(tmp_path):
    weights = []
    for crash in Break(1), Break():
        model = keras.Sequential([Scaled()])
        model.build((None, 3))
        model.compile("sgd", "mse")
        stopping = keras.callbacks.EarlyStopping(
            "loss", min_delta=1e9, patience=9, restore_best_weights=True
        )
        try:
            fit(tmp_path, crash, kept=[stopping], model=model)
        except RuntimeError:
            weights = stopping.best_weights
    for a, b in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(a, b)
