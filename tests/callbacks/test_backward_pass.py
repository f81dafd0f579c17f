"""What is frozen costs no backward pass, in models without boundaries too."""

import keras
import numpy as np
import pytest

from ulmfit_keras.callbacks.freezing import freeze_groups
from ulmfit_keras.optimizers import DiscriminativeOptimizer
from ulmfit_keras.optimizers import layer_groups

BATCH, UNITS = 4, 5
INPUTS = np.ones((BATCH, UNITS), "float32")
TARGETS = np.ones((BATCH, UNITS), "float32")


def products_in_tensorflow(model):
    """Matrix products that the results of a step hang on.

    A function's other nodes are not run, unless they have side effects.
    """
    import tensorflow as tf

    step = tf.function(model.train_step).get_concrete_function(
        (tf.constant(INPUTS), tf.constant(TARGETS))
    )
    waiting = [tensor.op for tensor in step.graph.outputs]
    waiting += step.graph.control_outputs
    reached = {}
    while waiting:
        op = waiting.pop()
        if op.name not in reached:
            reached[op.name] = op.type
            waiting += [tensor.op for tensor in op.inputs] + op.control_inputs
    return list(reached.values()).count("MatMul")


def products_in_jax(model):
    """Matrix products in the compiled step."""
    import jax

    variables = (
        model.trainable_variables,
        model.non_trainable_variables,
        model.optimizer.variables,
        model.metrics_variables,
    )
    state = tuple([v.value for v in group] for group in variables)
    # A new function, since JAX remembers what it traced by the function.
    step = jax.jit(lambda *arguments: model.train_step(*arguments))
    compiled = step.lower(state, (INPUTS, TARGETS)).compile()
    return compiled.as_text().count(" dot(")


def products_in_torch(model):
    """Matrix products that a step runs."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        model.train_step((INPUTS, TARGETS))
    return counter.get_total_flops() / (2 * BATCH * UNITS * UNITS)


@pytest.mark.parametrize(
    "frozen, products",
    [
        # Three forwards; backwards one by the weights of each group that
        # trains, and one by each input with such a group beneath it.
        (set(), 3 + 3 + 2),
        ({0}, 3 + 2 + 1),
        ({0, 1}, 3 + 1),
        ({1, 2}, 3 + 1 + 2),
    ],
)
def test_products_of_a_step(frozen, products):
    model = keras.Sequential(
        [keras.Input((UNITS,))]
        + [
            keras.layers.Dense(UNITS, activation="tanh", name=f"dense_{i}")
            for i in range(3)
        ]
    )
    optimizer = DiscriminativeOptimizer("sgd", layer_groups(model))
    model.compile(optimizer, "mse")
    model.train_on_batch(INPUTS, TARGETS)  # builds the metrics
    optimizer.set_frozen(frozen)
    freeze_groups(model, optimizer)
    count = {
        "tensorflow": products_in_tensorflow,
        "jax": products_in_jax,
        "torch": products_in_torch,
    }[keras.backend.backend()]
    assert count(model) == products
