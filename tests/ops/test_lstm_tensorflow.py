"""What only TensorFlow's graphs ask of the LSTM."""

import keras
import numpy as np
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("needs the TensorFlow backend", allow_module_level=True)

import tensorflow as tf

from ulmfit_keras.ops import lstm
from ulmfit_keras.ops import lstm_supports_jit
from ulmfit_keras.ops import lstm_tensorflow


def make_tensors(batch_size=3, steps=6, features=4, units=5):
    rng = np.random.default_rng(0)
    shapes = (
        (batch_size, steps, features),
        (batch_size, units),
        (batch_size, units),
        (features, 4 * units),
        (units, 4 * units),
        (4 * units,),
    )
    return [tf.constant(rng.normal(size=s), "float32") for s in shapes]


def value_and_gradients(*tensors):
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        outputs, h, c = lstm(*tensors)
        loss = tf.reduce_sum(tf.sin(outputs)) + tf.reduce_sum(h * c)
    return (outputs, h, c), tape.gradient(loss, tensors)


def choose_columns(monkeypatch):
    monkeypatch.setattr(
        lstm_tensorflow,
        "choose",
        lambda dtype, portable: (lstm_tensorflow.column_lstm, "for the test"),
    )


def test_columns_give_what_rows_give(monkeypatch):
    tensors = make_tensors()
    rows = value_and_gradients(*tensors)
    choose_columns(monkeypatch)
    columns = value_and_gradients(*tensors)
    for found, expected in zip(
        tf.nest.flatten(columns), tf.nest.flatten(rows), strict=True
    ):
        np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("columns", [False, True])
@pytest.mark.parametrize("jit_compile", [False, True])
def test_unknown_batch_size_and_length(jit_compile, columns, monkeypatch):
    if columns:
        choose_columns(monkeypatch)
    signature = [
        tf.TensorSpec((None, None, 4)),
        tf.TensorSpec((None, 5)),
        tf.TensorSpec((None, 5)),
        tf.TensorSpec((4, 20)),
        tf.TensorSpec((5, 20)),
        tf.TensorSpec((20,)),
    ]
    compiled = tf.function(
        value_and_gradients,
        input_signature=signature,
        jit_compile=jit_compile,
    )
    for batch_size, steps in ((3, 6), (1, 2)):
        tensors = make_tensors(batch_size, steps)
        expected = tf.nest.flatten(value_and_gradients(*tensors))
        actual = tf.nest.flatten(compiled(*tensors))
        for a, e in zip(actual, expected, strict=True):
            np.testing.assert_allclose(a, e, rtol=1e-4, atol=1e-5)


def test_a_batch_of_one_and_unknown_length():
    tensors = make_tensors(batch_size=1)
    signature = [tf.TensorSpec(tensor.shape) for tensor in tensors]
    signature[0] = tf.TensorSpec((1, None, 4))
    run = tf.function(lstm, input_signature=signature)
    for actual, expected in zip(run(*tensors), lstm(*tensors), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-6)


def test_batch_size_known_to_the_state_only():
    x, *others = make_tensors()
    signature = [
        tf.TensorSpec((None, None, 4)),
        *(tf.TensorSpec(tensor.shape) for tensor in others),
    ]
    run = tf.function(lstm, input_signature=signature)
    outputs, h, c = run.get_concrete_function().outputs
    assert outputs.shape.as_list() == [3, None, 5]
    np.testing.assert_allclose(
        run(x, *others)[0], lstm(x, *others)[0], rtol=1e-5, atol=1e-6
    )


def test_saved_model(tmp_path):
    x, h, c, *weights = make_tensors()
    module = tf.Module()
    module.weights = [tf.Variable(weight) for weight in weights]
    module.run = tf.function(
        lambda x, h, c: lstm(x, h, c, *module.weights, portable=True),
        input_signature=[
            tf.TensorSpec((None, None, 4)),
            tf.TensorSpec((None, 5)),
            tf.TensorSpec((None, 5)),
        ],
        autograph=False,
    )
    tf.saved_model.save(module, tmp_path)
    loaded = tf.saved_model.load(tmp_path)
    for a, e in zip(loaded.run(x, h, c), lstm(x, h, c, *weights), strict=True):
        np.testing.assert_allclose(a, e, rtol=1e-5, atol=1e-6)


def test_a_second_gradient_is_refused():
    tensors = make_tensors()
    with pytest.raises(LookupError, match="has no second one"):
        with tf.GradientTape() as outer:
            outer.watch(tensors)
            _, gradients = value_and_gradients(*tensors)
        outer.gradient(gradients[0], tensors)


def test_gpu_kernel_gets_the_weights_as_keras_lays_them_out(monkeypatch):
    rnn = pytest.importorskip("keras.src.backend.tensorflow.rnn")
    calls = []

    def fake_kernel(**arguments):
        calls.append(arguments)
        steps, batch_size, _ = arguments["input"].shape
        outputs = tf.zeros((steps, batch_size, 5))
        return outputs, arguments["input_h"], arguments["input_c"], None, None

    monkeypatch.setattr(tf.raw_ops, "CudnnRNNV3", fake_kernel)
    monkeypatch.setattr(lstm_tensorflow, "has_gpu", lambda: True)
    x, h, c, *weights = make_tensors()
    outputs, last_h, last_c = lstm(x, h, c, *weights)
    assert outputs.shape == (3, 6, 5)
    assert last_h.shape == last_c.shape == (3, 5)
    assert not lstm_supports_jit()
    rnn._cudnn_lstm(
        tf.transpose(x, (1, 0, 2)), h, c, *weights, None, True, False, True
    )
    ours, theirs = calls
    assert ours.keys() == theirs.keys()
    np.testing.assert_array_equal(ours["params"], theirs["params"])
    for name in ("input", "sequence_lengths"):
        np.testing.assert_array_equal(ours[name], theirs[name])
    lstm(x, h, c, *weights, portable=True)
    assert len(calls) == 2


@pytest.mark.parametrize("portable", [False, True])
@pytest.mark.parametrize(
    ("dtype", "precision"), [("bfloat16", 2**-8), ("float16", 2**-11)]
)
def test_half_precision_rounds_once_in_a_step(dtype, precision, portable):
    """Where each operation rounds, the error is a half larger.

    It also depends on how a processor multiplies in half precision.
    """
    half = [tf.cast(tensor, dtype) for tensor in make_tensors(units=64)]
    found = lstm(*half, portable=portable)[0]
    expected = lstm(*(tf.cast(tensor, "float32") for tensor in half))[0]
    error = tf.math.reduce_std(tf.cast(found, "float32") - expected)
    assert error < precision
