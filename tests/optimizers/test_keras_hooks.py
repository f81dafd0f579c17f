"""The private parts of Keras' optimizers that are relied on."""

import inspect

import keras
import numpy as np
import pytest
from keras import ops

from ulmfit_keras.optimizers.keras_hooks import HOOKS
from ulmfit_keras.optimizers.keras_hooks import adam_averages
from ulmfit_keras.optimizers.keras_hooks import leave_out_of_averages
from ulmfit_keras.optimizers.keras_hooks import scale_learning_rates
from ulmfit_keras.optimizers.keras_hooks import start_at_epoch
from ulmfit_keras.optimizers.keras_hooks import steps_of_schedules
from ulmfit_keras.optimizers.keras_hooks import walk_layers

KINDS = [
    keras.optimizers.SGD,
    keras.optimizers.AdamW,
    keras.optimizers.Muon,
    keras.optimizers.Nadam,
]


@pytest.mark.parametrize("kind", KINDS)
def test_keras_calls_each_hook_as_expected(kind):
    optimizer = kind(0.1, weight_decay=0.1)
    expected = {
        "update_step": ["gradient", "variable", "learning_rate"],
        "_apply_weight_decay": ["variables"],
        "_get_current_learning_rate": [],
    }
    if hasattr(optimizer, "_parallel_update_step"):
        del expected["update_step"]
        expected["_parallel_update_step"] = [
            "grads", "variables", "learning_rate",
        ]  # fmt: skip
    calls = dict.fromkeys(expected, 0)
    for name, parameters in expected.items():
        method = getattr(optimizer, name)
        assert list(inspect.signature(method).parameters) == parameters

        def counted(*args, name=name, method=method):
            calls[name] += 1
            return method(*args)

        object.__setattr__(optimizer, name, counted)
    optimizer.apply(
        [ops.ones((2, 2))], [keras.Variable(np.eye(2, dtype="float32"))]
    )
    assert all(calls.values()), calls
    assert all(hasattr(optimizer, name) for name in HOOKS)


def test_averages_of_adam():
    variable = keras.Variable(np.ones(2))
    optimizer = keras.optimizers.Adam(beta_1=0.5, beta_2=0.75)
    optimizer.apply([ops.full((2,), 2.0)], [variable])
    average, average_square = adam_averages(optimizer, variable)
    np.testing.assert_allclose(ops.convert_to_numpy(average), 1.0)
    np.testing.assert_allclose(ops.convert_to_numpy(average_square), 1.0)


def test_steps_of_schedules_are_batches():
    seen = []

    class Schedule(keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step):
            seen.append(int(step))
            return 0.1

    variable = keras.Variable(np.ones(2, "float32"))
    optimizer = keras.optimizers.SGD(Schedule(), gradient_accumulation_steps=2)
    for step in range(3):
        assert steps_of_schedules(optimizer) == step
        optimizer.apply([ops.ones(2)], [variable])
        assert set(seen) <= set(range(step + 1))
    float(optimizer.learning_rate)
    assert seen[-1] == 3


def test_weight_decay_reads_the_rate_through_the_hook():
    variable = keras.Variable(np.ones((2, 2)))
    optimizer = keras.optimizers.SGD(0.5, weight_decay=0.5)
    scale_learning_rates(optimizer, lambda index: 0.5)
    optimizer.apply([ops.zeros((2, 2))], [variable])
    np.testing.assert_allclose(
        ops.convert_to_numpy(variable), 1 - 0.5 * 0.5 * 0.5
    )
    assert float(optimizer.learning_rate) == 0.5


def test_averages_are_two_lists_of_the_optimizer():
    one, two = keras.Variable([1.0]), keras.Variable([2.0])
    optimizer = keras.optimizers.SGD(0.1, use_ema=True)
    optimizer.build([one, two])
    # As often as a model has replicas.
    for _ in range(2):
        leave_out_of_averages(optimizer, lambda v: v is one)
    optimizer.apply([ops.ones(1)], [two])
    assert len(optimizer._model_variables_moving_average) == 1
    leave_out_of_averages(optimizer, lambda v: False)
    averages = [
        float(ops.convert_to_numpy(average)[0])
        for average in optimizer._model_variables_moving_average
    ]
    np.testing.assert_allclose(averages, [1.0, 1.9], rtol=1e-6)


def test_a_changed_keras_is_reported():
    class Changed:
        name = "changed"

    with pytest.raises(NotImplementedError, match="Received: Changed of keras"):
        scale_learning_rates(Changed(), lambda index: 1.0)
    with pytest.raises(NotImplementedError, match="Received: keras"):
        start_at_epoch(Changed(), 3)


def test_layers_within_layers_are_found():
    inner = keras.layers.Dense(2)
    outer = keras.Sequential([keras.layers.TimeDistributed(inner)])
    outer.build((None, 3, 4))
    layers = walk_layers(outer)
    assert outer in layers and inner in layers
    assert len(layers) == len({id(layer) for layer in layers})
    with pytest.raises(NotImplementedError, match="Received: keras"):
        walk_layers(object())
