"""When averaging starts, and what is evaluated then."""

import functools

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from keras import ops

from ulmfit_keras.callbacks import NonMonotonicAveraging
from ulmfit_keras.callbacks import ResumableTraining
from ulmfit_keras.optimizers import NonMonotonicASGD


def make_model(rate=0.5):
    model = keras.Sequential([keras.layers.Dense(2)])
    model.build((None, 3))
    model.compile(NonMonotonicASGD(keras.optimizers.SGD(rate)), "mse")
    model.optimizer.build(model.trainable_variables)
    return model


shared_model = functools.cache(make_model)


def epoch_of_start(model, losses, patience):
    """Epoch after which averaging starts, None if never."""
    callback = NonMonotonicAveraging(patience=patience)
    callback.set_model(model)
    callback.on_train_begin()
    model.optimizer._is_averaging.assign(0)
    started = []
    for epoch, loss in enumerate(losses):
        logs = {"val_loss": loss}
        callback.on_epoch_end(epoch, logs)
        assert logs["averaging"] == len(started)
        if model.optimizer.is_averaging:
            started = [epoch] if not started else started
    assert callback.history == list(losses)
    return started[0] if started else None


@pytest.mark.parametrize(
    "losses, patience, expected",
    [
        # Better than all but the last two: compare with 5 and 4 only.
        ([5, 4, 1, 1, 3], 2, None),
        ([5, 4, 1, 1, 3, 3], 2, 4 + 1),
        ([5, 4, 3, 2, 1], 0, None),
        ([5, 4, 4.5], 0, 2),
        ([5, 6, 7, 8, 9, 10, 11], 5, 6),
        ([5, 5, 5, 5, 5, 5, 5, 5], 5, None),
        ([5, float("nan"), 6, 7], 2, 3),
        ([], 5, None),
    ],
)
def test_start_by_hand(losses, patience, expected):
    assert epoch_of_start(make_model(), losses, patience) == expected


@settings(deadline=None, max_examples=40)
@given(
    losses=st.lists(st.integers(0, 9), max_size=14), patience=st.integers(0, 5)
)
def test_start_by_the_published_rule(losses, patience):
    # Algorithm 1: at check t, if t > n and v > min over l < t - n of logs[l].
    expected = None
    for t, value in enumerate(losses):
        if t > patience and value > min(losses[: t - patience]):
            expected = t
            break
    assert epoch_of_start(shared_model(), losses, patience) == expected


def test_validation_and_the_trained_model_are_averaged():
    generator = np.random.default_rng(0)
    x = generator.normal(size=(8, 3)).astype("float32")
    y = generator.normal(size=(8, 2)).astype("float32")
    model = make_model(rate=0.8)
    steps = []

    class Recorder(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            kernel, bias = self.model.trainable_variables
            steps.append(
                [np.array(ops.convert_to_numpy(v)) for v in (kernel, bias)]
            )

    # From the first epoch on, every loss is worse than this one.
    callback = NonMonotonicAveraging(patience=0)
    callback.history = [-1.0]
    history = model.fit(
        x,
        y,
        4,
        epochs=3,
        shuffle=False,
        verbose=0,
        validation_data=(x, y),
        callbacks=[callback, Recorder()],
    ).history
    assert history["averaging"] == [0, 1, 1]
    for epoch, first, last in ((0, 1, 2), (1, 2, 4), (2, 2, 6)):
        kernel, bias = (
            np.mean([step[i] for step in steps[first:last]], axis=0)
            for i in range(2)
        )
        loss = np.mean((x @ kernel + bias - y) ** 2)
        np.testing.assert_allclose(history["val_loss"][epoch], loss, rtol=1e-4)
    np.testing.assert_allclose(
        ops.convert_to_numpy(model.trainable_variables[0]), kernel, rtol=1e-4
    )
    # Evaluating afterwards swaps nothing.
    loss_again = model.evaluate(x, y, 4, verbose=0, callbacks=[callback])
    np.testing.assert_allclose(loss_again, loss, rtol=1e-4)


class Steps(keras.callbacks.Callback):
    """Records the weights after each step."""

    def on_train_begin(self, logs=None):
        self.kernels = []

    def on_train_batch_end(self, batch, logs=None):
        kernel = self.model.trainable_variables[0]
        self.kernels.append(np.array(ops.convert_to_numpy(kernel)))


class Crash(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        if epoch == 2:
            raise RuntimeError("crash")


def data():
    generator = np.random.default_rng(0)
    x = generator.normal(size=(8, 3)).astype("float32")
    return x, generator.normal(size=(8, 2)).astype("float32")


def fit(model, *callbacks, **kwargs):
    x, y = data()
    averaging = NonMonotonicAveraging(patience=0)
    averaging.history = [-1.0]
    steps = Steps()
    history = model.fit(
        x,
        y,
        4,
        epochs=5,
        shuffle=False,
        verbose=0,
        validation_data=(x[:4], y[:4]),
        callbacks=[averaging, steps, *callbacks],
        **kwargs,
    )
    return history.history, steps.kernels


def score(model):
    x, y = data()
    return model.evaluate(x[:4], y[:4], verbose=0)


def test_the_weights_that_were_scored_are_saved(tmp_path):
    model = make_model()
    stopping = keras.callbacks.EarlyStopping(
        mode="max", patience=9, restore_best_weights=True, start_from_epoch=1
    )
    saving = keras.callbacks.ModelCheckpoint(tmp_path / "{epoch}.keras")
    # From here losses fall from epoch to epoch.
    model.set_weights([np.ones(w.shape) for w in model.get_weights()])
    losses = fit(model, stopping, saving)[0]["val_loss"]
    assert max(losses[1:]) != losses[-1]
    np.testing.assert_allclose(score(model), max(losses[1:]), rtol=1e-5)
    for epoch, loss in enumerate(losses, 1):
        loaded = keras.saving.load_model(tmp_path / f"{epoch}.keras")
        np.testing.assert_allclose(score(loaded), loss, rtol=1e-5)


def test_training_goes_on_from_its_own_weights(tmp_path):
    x, y = data()
    keras.utils.set_random_seed(0)
    model, steps = make_model(), Steps()
    model.fit(x, y, 4, 5, shuffle=False, verbose=0, callbacks=[steps])
    expected = steps.kernels
    keras.utils.set_random_seed(0)
    model = make_model()
    saving = keras.callbacks.ModelCheckpoint(tmp_path / "{epoch}.keras")
    np.testing.assert_array_equal(fit(model, saving)[1], expected)
    final = model.get_weights()
    loaded = keras.saving.load_model(tmp_path / "3.keras")
    kernels = fit(loaded, initial_epoch=3)[1]
    np.testing.assert_array_equal(kernels, expected[6:])
    for a, b in zip(loaded.get_weights(), final, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("same_process", [False, True])
def test_a_broken_run_goes_on_from_its_own_weights(tmp_path, same_process):
    keras.utils.set_random_seed(0)
    model = make_model()
    expected = fit(model)[1]
    final = model.get_weights()
    keras.utils.set_random_seed(0)
    if same_process and keras.backend.backend() == "jax":
        pytest.skip("Keras ends a broken fit there as any other, averaged")
    model = make_model()
    with pytest.raises(RuntimeError, match="crash"):
        fit(model, ResumableTraining(tmp_path), Crash())
    if same_process:
        kernels = fit(model, initial_epoch=3)[1]
    else:
        model = make_model()
        kernels = fit(model, ResumableTraining(tmp_path))[1]
    np.testing.assert_array_equal(kernels, expected[6:])
    for a, b in zip(model.get_weights(), final, strict=True):
        np.testing.assert_array_equal(a, b)


def test_what_another_model_came_to_is_forgotten():
    callback = NonMonotonicAveraging(patience=0)
    callback.set_model(make_model())
    for losses in ([2.0, 1.0], [1.5]):
        callback.on_train_begin()
        for epoch, loss in enumerate(losses):
            callback.on_epoch_end(epoch, {"val_loss": loss})
        callback.on_train_end()
    # The same model has gone on and started to average.
    assert callback.model.optimizer.is_averaging
    callback.set_model(make_model())
    callback.on_train_begin()
    callback.on_epoch_end(0, {"val_loss": 9.0})
    assert callback.history == [9.0]
    assert not callback.model.optimizer.is_averaging


def test_misuse_is_refused():
    with pytest.raises(ValueError, match="Received: patience=-1"):
        NonMonotonicAveraging(patience=-1)
    callback = NonMonotonicAveraging()
    callback.set_model(make_model())
    callback.on_train_begin()
    with pytest.raises(ValueError, match=r"Received: logs=\['loss'\]"):
        callback.on_epoch_end(0, {"loss": 1.0})
    model = make_model()
    model.compile("sgd", "mse")
    callback.set_model(model)
    with pytest.raises(ValueError, match="Received: optimizer="):
        callback.on_train_begin()
