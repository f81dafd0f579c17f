"""The averaged weights against NumPy."""

import keras
import numpy as np
import pytest
from keras import ops

from ulmfit_keras.optimizers import DiscriminativeOptimizer
from ulmfit_keras.optimizers import NonMonotonicASGD


def numpy_of(variable):
    return np.array(ops.convert_to_numpy(variable))


def make_variables():
    with keras.name_scope("layer"):
        return [
            keras.Variable(np.full((2, 2), 0.3, "float32"), name="kernel"),
            keras.Variable(np.full((2,), -0.1, "float32"), name="bias"),
        ]


def run(optimizer, variables, steps, seed=0):
    """Weights after each of some steps, as arrays."""
    generator = np.random.default_rng(seed)
    seen = []
    for _ in range(steps):
        gradients = [
            ops.convert_to_tensor(generator.normal(size=v.shape), "float32")
            for v in variables
        ]
        optimizer.apply(gradients, variables)
        seen.append([numpy_of(v) for v in variables])
    return seen


def test_average_of_the_steps_since_the_start():
    variables, plain = make_variables(), make_variables()
    optimizer = NonMonotonicASGD(keras.optimizers.SGD(0.5))
    expected = run(keras.optimizers.SGD(0.5), plain, 7)
    seen = run(optimizer, variables, 3)
    assert not optimizer.is_averaging
    optimizer.start_averaging()
    assert optimizer.is_averaging
    # Goes on with the gradients of steps 4 to 7.
    generator = np.random.default_rng(0)
    for _ in range(3):
        for v in variables:
            generator.normal(size=v.shape)
    for step in range(4):
        optimizer.apply(
            [
                ops.convert_to_tensor(generator.normal(size=v.shape), "float32")
                for v in variables
            ]
        )
        seen.append([numpy_of(v) for v in variables])
        for weights, reference in zip(
            seen[-1], expected[3 + step], strict=True
        ):
            np.testing.assert_array_equal(weights, reference)
    optimizer.finalize_variable_values(variables)
    for i, variable in enumerate(variables):
        mean = np.mean([weights[i] for weights in seen[3:]], axis=0)
        np.testing.assert_allclose(numpy_of(variable), mean, rtol=1e-5)


def test_no_average_before_the_start():
    variables = make_variables()
    optimizer = NonMonotonicASGD("sgd")
    assert not optimizer.is_averaging
    last = run(optimizer, variables, 2)[-1]
    optimizer.finalize_variable_values(variables)
    for variable, weights in zip(variables, last, strict=True):
        np.testing.assert_array_equal(numpy_of(variable), weights)
    # The average is never far from the weights, not even before the start.
    optimizer.swap_averages()
    for variable, weights in zip(variables, last, strict=True):
        np.testing.assert_array_equal(numpy_of(variable), weights)


def test_swapping_twice_changes_nothing():
    variables = make_variables()
    optimizer = NonMonotonicASGD(keras.optimizers.SGD(0.5))
    optimizer.build(variables)
    optimizer.start_averaging()
    seen = run(optimizer, variables, 3)
    optimizer.swap_averages()
    mean = np.mean([weights[0] for weights in seen], axis=0)
    np.testing.assert_allclose(numpy_of(variables[0]), mean, rtol=1e-5)
    optimizer.swap_averages()
    np.testing.assert_array_equal(numpy_of(variables[0]), seen[-1][0])


def test_a_step_counts_once_where_the_model_has_the_averages():
    variables = make_variables()
    optimizer = NonMonotonicASGD(keras.optimizers.SGD(0.5))
    optimizer.build(variables)
    optimizer.start_averaging()
    optimizer.swap_averages()
    seen = run(optimizer, variables, 3)
    mean = np.mean([weights[0] for weights in seen], axis=0)
    optimizer.swap_averages()
    np.testing.assert_allclose(numpy_of(variables[0]), mean, rtol=1e-5)


def test_frozen_groups_stay_bit_identical():
    variables = make_variables()
    start = numpy_of(variables[0])
    groups = [("low", "kernel"), ("high", "bias")]
    inner = DiscriminativeOptimizer("adam", groups, frozen=[0])
    optimizer = NonMonotonicASGD(inner)
    optimizer.build(variables)
    optimizer.start_averaging()
    run(optimizer, variables, 5)
    optimizer.finalize_variable_values(variables)
    np.testing.assert_array_equal(numpy_of(variables[0]), start)
    assert int(optimizer.iterations) == 5


@pytest.mark.parametrize("averaging", [False, True])
def test_a_saved_run_resumes_exactly(tmp_path, averaging):
    model = keras.Sequential([keras.layers.Dense(2)])
    model.build((None, 3))
    model.compile(NonMonotonicASGD(keras.optimizers.Adam(0.1)), "mse")
    model.optimizer.build(model.trainable_variables)
    if averaging:
        model.optimizer.start_averaging()
    generator = np.random.default_rng(0)
    x = generator.normal(size=(8, 3)).astype("float32")
    y = generator.normal(size=(8, 2)).astype("float32")
    model.fit(x, y, 4, shuffle=False, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.optimizer.is_averaging == averaging
    for one in model, loaded:
        one.fit(x, y, 4, shuffle=False, verbose=0)
    for a, b in zip(
        model.variables + model.optimizer.variables,
        loaded.variables + loaded.optimizer.variables,
        strict=True,
    ):
        np.testing.assert_array_equal(numpy_of(a), numpy_of(b))
