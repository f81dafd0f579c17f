"""The sweep, what it suggests, and that it leaves no trace."""

import math

import keras
import numpy as np
import pytest
from keras import ops

from ulmfit_keras.callbacks import LearningRateFinder
from ulmfit_keras.optimizers import DiscriminativeOptimizer
from ulmfit_keras.optimizers import layer_groups
from ulmfit_keras.schedules import SlantedTriangular

GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(16, 3)).astype("float32")
Y = (X @ [[1.0], [-2.0], [0.5]]).astype("float32")


def make_model(optimizer, extras=True):
    model = keras.Sequential(
        [
            keras.layers.Dense(4, activation="tanh", name="low"),
            keras.layers.BatchNormalization(name="norm"),
            keras.layers.Dropout(0.1),
            keras.layers.Dense(1, name="top"),
        ]
        if extras
        else [keras.layers.Dense(1, name="top")]
    )
    model.build((None, 3))
    if callable(optimizer):
        optimizer = optimizer(layer_groups(model))
    model.compile(optimizer, "mse")
    return model


def state_of(model):
    return {
        i: np.array(ops.convert_to_numpy(v))
        for i, v in enumerate(model.variables + model.optimizer.variables)
    }


OPTIMIZERS = {
    "float": lambda groups: keras.optimizers.Adam(0.1),
    "schedule": lambda groups: keras.optimizers.Adam(
        SlantedTriangular(0.1, 50)
    ),
    "wrapped": lambda groups: keras.optimizers.LossScaleOptimizer(
        DiscriminativeOptimizer(
            keras.optimizers.AdamW(SlantedTriangular(0.1, 50)), groups
        )
    ),
}


@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_everything_is_as_before(make):
    model = make_model(make)
    model.fit(X, Y, 8, shuffle=False, verbose=0)
    before = state_of(model)
    rate = float(model.optimizer.learning_rate)
    finder = LearningRateFinder(1e-4, 10.0, steps=12, smoothing=0.5)
    finder.find(model, X, Y, batch_size=8)
    after = state_of(model)
    assert before.keys() == after.keys()
    for i, value in before.items():
        np.testing.assert_array_equal(after[i], value)
    assert float(model.optimizer.learning_rate) == rate


def test_training_goes_on_as_without_the_sweep():
    rate = SlantedTriangular(0.1, 20)
    one, two = (
        make_model(keras.optimizers.SGD(rate), extras=False) for _ in range(2)
    )
    two.set_weights(one.get_weights())
    finder = LearningRateFinder(1e-3, 10.0, steps=12, smoothing=0.5)
    finder.find(one, X, Y, batch_size=8)
    for model in (one, two):
        model.fit(X, Y, 8, epochs=2, shuffle=False, verbose=0)
    for a, b in zip(one.get_weights(), two.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("schedule", [False, True])
def test_rates_and_losses_of_plain_descent(schedule):
    rate = SlantedTriangular(0.1, 50) if schedule else 0.1
    model = make_model(keras.optimizers.SGD(rate), extras=False)
    kernel = np.array(ops.convert_to_numpy(model.layers[0].kernel))
    model.fit(X, Y, 8, shuffle=False, verbose=0)
    model.layers[0].kernel.assign(kernel)
    model.layers[0].bias.assign([0.0])
    finder = LearningRateFinder(1e-3, 1.0, steps=10, stop_factor=1e9)
    finder.find(model, X, Y, batch_size=8, shuffle=False)
    expected = 1e-3 * 1000.0 ** (np.arange(10) / 9)
    np.testing.assert_allclose(finder.learning_rates, expected, rtol=1e-4)
    bias = np.zeros(1)
    for step, rate in enumerate(expected):
        x, y = (data[8 * (step % 2) :][:8] for data in (X, Y))
        error = x @ kernel + bias - y
        np.testing.assert_allclose(
            finder.losses[step], np.mean(error**2), rtol=1e-3
        )
        kernel = kernel - rate * 2 * x.T @ error / 8
        bias = bias - rate * 2 * error.mean(axis=0)


@pytest.mark.parametrize("schedule", [False, True])
def test_rates_within_a_window_of_accumulated_gradients(schedule):
    rate = SlantedTriangular(0.1, 50) if schedule else 0.1
    model = make_model(
        keras.optimizers.SGD(rate, gradient_accumulation_steps=2), extras=False
    )
    model.fit(X[:12], Y[:12], 4, verbose=0)
    finder = LearningRateFinder(1e-3, 1.0, steps=10, stop_factor=1e9)
    finder.find(model, X, Y, batch_size=8)
    expected = np.geomspace(1e-3, 1.0, 10)
    np.testing.assert_allclose(finder.learning_rates, expected, rtol=1e-4)


@pytest.mark.skipif(
    keras.backend.backend() == "torch", reason="one step per execution only"
)
@pytest.mark.parametrize("schedule", [False, True])
@pytest.mark.parametrize("rows", [16, 12])
def test_rates_of_several_steps_per_execution(schedule, rows):
    rate = SlantedTriangular(0.1, 50) if schedule else 0.1
    model = make_model(keras.optimizers.SGD(rate), extras=False)
    model.compile(model.optimizer, "mse", steps_per_execution=2)
    finder = LearningRateFinder(1e-3, 1.0, steps=10, stop_factor=1e9)
    # An epoch of 12 rows ends with an execution of one step.
    finder.find(model, X[:rows], Y[:rows], batch_size=4)
    expected = np.geomspace(1e-3, 1.0, 10)
    np.testing.assert_allclose(finder.learning_rates, expected, rtol=1e-4)


def test_losses_below_zero_do_not_stop_it():
    model = make_model(keras.optimizers.SGD(0.1), extras=False)
    model.compile(model.optimizer, lambda y, out: (y - out) ** 2 - 100.0)
    finder = LearningRateFinder(1e-4, 1e-2, steps=10)
    finder.find(model, X, Y, batch_size=8)
    assert len(finder.losses) == 10 and max(finder.losses) < 0


@pytest.mark.skipif(
    keras.backend.backend() != "torch", reason="the states are variables"
)
def test_random_states_of_torch_are_as_before():
    import torch

    states = []
    # Where the order of the data has been drawn, and no dropout yet.
    begin = keras.callbacks.LambdaCallback(
        on_train_begin=lambda logs: states.append(torch.get_rng_state())
    )
    finder = LearningRateFinder(1e-4, 1e-2, steps=3, stop_factor=1e9)
    with pytest.raises(ValueError, match="no rate to suggest"):
        finder.find(
            make_model(keras.optimizers.SGD(0.1)), X, Y, callbacks=[begin]
        )
    assert torch.equal(torch.get_rng_state(), states[0])


def test_models_can_be_saved_on_the_way(tmp_path):
    model = make_model(keras.optimizers.SGD(SlantedTriangular(0.1, 50)))
    path = tmp_path / "model.keras"
    finder = LearningRateFinder(1e-3, 1.0, steps=10, stop_factor=1e9)
    checkpoint = keras.callbacks.ModelCheckpoint(path)
    model.fit(X, Y, 4, 10, verbose=0, callbacks=[checkpoint, finder])
    optimizer = keras.saving.load_model(path).optimizer
    assert int(optimizer.iterations) == 10
    expected = 1e-3 * 1000.0 ** (10 / 9)
    np.testing.assert_allclose(
        float(optimizer.learning_rate), expected, rtol=1e-4
    )


def test_it_stops_where_the_loss_explodes():
    model = make_model(keras.optimizers.SGD(0.1), extras=False)
    finder = LearningRateFinder(1e-3, 1e6, steps=60, smoothing=0.5)
    suggestions = finder.find(model, X, Y, batch_size=8)
    assert len(finder.losses) == len(finder.learning_rates) < 60
    assert suggestions.valley < finder.learning_rates[-1]
    # The same instance can run again.
    assert finder.find(model, X, Y, batch_size=8).valley > 0


def test_everything_is_as_before_an_error():
    model = make_model(keras.optimizers.SGD(SlantedTriangular(0.1, 50)))
    before = state_of(model)

    class Failing(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 1:
                raise RuntimeError("in the middle")

    model.optimizer.build(model.trainable_variables)
    before = state_of(model)
    with pytest.raises(RuntimeError, match="in the middle"):
        LearningRateFinder().find(
            model, X, Y, batch_size=4, callbacks=[Failing()]
        )
    after = state_of(model)
    for i, value in before.items():
        np.testing.assert_array_equal(after[i], value)


def finder_of(losses, **kwargs):
    finder = LearningRateFinder(1e-5, 10.0, steps=len(losses), **kwargs)
    finder.losses = list(losses)
    finder.learning_rates = list(np.geomspace(1e-5, 10.0, len(losses)))
    return finder


def test_suggestions_of_a_known_curve():
    # Flat, then falling between 1e-3 and 1e-1 with its steepest point at
    # 1e-2, then rising.
    exponents = np.linspace(-5, 1, 121)
    losses = 2 - np.tanh(2 * (exponents + 2)) + np.exp(4 * exponents) / 10
    valley, steepest = finder_of(losses, smoothing=0.0).suggest()
    assert abs(math.log10(steepest) + 2) < 0.3
    falling = exponents[12:][np.argmin(losses[12:])]
    middle = (exponents[12] + falling) / 2
    assert abs(math.log10(valley) - middle) < 0.2


def test_a_dip_does_not_end_the_valley():
    losses = np.concatenate([np.linspace(4, 1, 80), np.linspace(1, 9, 20)])
    smooth = finder_of(losses, smoothing=0.0).suggest().valley
    losses[40] = 3.9
    assert finder_of(losses, smoothing=0.0).suggest().valley == smooth


@pytest.mark.parametrize(
    "losses",
    [
        np.arange(30.0),
        np.full(30, 2.0),
        np.arange(4.0),
        np.arange(4.0, 0.0, -1.0),
        [],
    ],
)
def test_no_suggestion_without_a_fall(losses):
    with pytest.raises(ValueError, match="Received: losses="):
        finder_of([*losses, *[np.nan] * 2], smoothing=0.0).suggest()


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="of TensorFlow's data"
)
@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_data_of_unknown_length_have_a_rate_for_each_loss():
    import tensorflow as tf

    x = np.random.default_rng(0).normal(size=(12, 3)).astype("float32")
    data = tf.data.Dataset.from_tensor_slices((x, x[:, :1])).batch(4)
    data = data.filter(lambda x, y: True)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    finder = LearningRateFinder(1e-3, 0.1, steps=30, stop_factor=1e9)
    finder.find(model, data, shuffle=False)
    assert len(finder.losses) == 30
    np.testing.assert_allclose(
        finder.learning_rates, np.geomspace(1e-3, 0.1, 30), rtol=1e-5
    )


def test_plot(tmp_path):
    pytest.importorskip("matplotlib")
    finder = finder_of(np.concatenate([np.linspace(4, 1, 40), [9.0] * 5]))
    figure = finder.plot(tmp_path / "rates.png")
    assert (tmp_path / "rates.png").stat().st_size > 1000
    (axes,) = figure.axes
    assert axes.get_xscale() == "log"
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert [label.split()[0] for label in labels[2:]] == ["valley", "steepest"]
    flat = finder_of([1.0] * 20, smoothing=0.0).plot()
    assert len(flat.axes[0].get_lines()) == 2


@pytest.mark.parametrize(
    "arguments",
    [
        {"lowest": 0.0},
        {"lowest": 1.0, "highest": 0.1},
        {"steps": 1},
        {"stop_factor": 1.0},
        {"smoothing": 1.0},
    ],
)
def test_arguments_out_of_range_are_refused(arguments):
    with pytest.raises(ValueError, match="Received:"):
        LearningRateFinder(**arguments)
