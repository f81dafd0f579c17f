"""The LSTM operation against a NumPy loop, torch and Keras."""

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from keras import ops

from ulmfit_keras.ops import lstm
from ulmfit_keras.ops import lstm_step
from ulmfit_keras.ops import lstm_supports_jit

BACKEND = keras.backend.backend()
NAMES = ("x", "h", "c", "kernel", "recurrent_kernel", "bias")


def make_arguments(batch_size=3, steps=6, features=4, units=5, seed=0):
    rng = np.random.default_rng(seed)
    shapes = (
        (batch_size, steps, features),
        (batch_size, units),
        (batch_size, units),
        (features, 4 * units),
        (units, 4 * units),
        (4 * units,),
    )
    return [rng.normal(size=shape).astype("float32") for shape in shapes]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def numpy_lstm(x, h, c, kernel, recurrent_kernel, bias):
    outputs = []
    for t in range(x.shape[1]):
        z = x[:, t] @ kernel + h @ recurrent_kernel + bias
        i, f, candidate, o = np.split(z, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(candidate)
        h = sigmoid(o) * np.tanh(c)
        outputs.append(h)
    return np.stack(outputs, axis=1), h, c


def weighted_sum(outputs, h, c):
    """A number that depends on all three results in a nonlinear way."""
    return (
        ops.sum(ops.sin(ops.cast(outputs, "float32")))
        + ops.sum(ops.cast(h, "float32") * ops.cast(c, "float32"))
        + ops.sum(ops.cast(c, "float32") ** 2)
    )


def lstm_loss(*arguments):
    return weighted_sum(*lstm(*arguments))


def numpy_gradients(arguments, epsilon=1e-5):
    """Central differences of `weighted_sum` in float64."""
    arguments = [argument.astype("float64") for argument in arguments]

    def value():
        outputs, h, c = numpy_lstm(*arguments)
        return np.sin(outputs).sum() + (h * c).sum() + (c**2).sum()

    gradients = []
    for argument in arguments:
        gradient = np.zeros_like(argument)
        for index in np.ndindex(argument.shape):
            kept = argument[index]
            argument[index] = kept + epsilon
            above = value()
            argument[index] = kept - epsilon
            gradient[index] = (above - value()) / (2 * epsilon)
            argument[index] = kept
        gradients.append(gradient)
    return gradients


def to_numpy(tensor):
    return ops.convert_to_numpy(ops.cast(tensor, "float32"))


def assert_close(actual, expected, tolerance=1e-5):
    for name, a, e in zip(NAMES, actual, expected, strict=False):
        error = np.abs(a - e).max() / max(1, np.abs(e).max())
        assert error < tolerance, (name, error)


@pytest.mark.parametrize("portable", [False, True])
def test_forward_equals_a_numpy_loop(portable):
    arguments = make_arguments()
    results = lstm(*map(ops.convert_to_tensor, arguments), portable=portable)
    assert_close(map(to_numpy, results), numpy_lstm(*arguments))


@settings(max_examples=3, deadline=None)
@given(
    st.tuples(*[st.integers(1, 4)] * 4),
    st.integers(0, 2**31),
)
def test_any_shape_equals_a_numpy_loop(shape, seed):
    arguments = make_arguments(*shape, seed=seed)
    results = lstm(*map(ops.convert_to_tensor, arguments))
    assert_close(map(to_numpy, results), numpy_lstm(*arguments))


@pytest.mark.parametrize("wrong", range(len(NAMES)))
def test_arguments_that_do_not_fit_are_refused(wrong):
    arguments = make_arguments()
    for axis in range(arguments[wrong].ndim):
        if (wrong, axis) == (0, 1):
            continue  # any number of steps fits
        others = arguments.copy()
        others[wrong] = others[wrong].repeat(2, axis)
        with pytest.raises(ValueError, match=r"must fit each other.*Received"):
            lstm(*map(ops.convert_to_tensor, others))
    arguments[wrong] = arguments[wrong][0]
    with pytest.raises(ValueError, match=r"must fit each other.*Received"):
        lstm(*map(ops.convert_to_tensor, arguments))


@pytest.mark.parametrize("portable", [False, True])
def test_gradients_equal_central_differences(gradients_of, portable):
    arguments = make_arguments(batch_size=2, steps=4, features=3, units=3)

    def loss(*arguments):
        return weighted_sum(*lstm(*arguments, portable=portable))

    actual = gradients_of(loss, arguments)
    assert_close(actual, numpy_gradients(arguments), 1e-4)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("steps", [1, 5])
def test_gradients_equal_autograd_of_steps(gradients_of, steps, compiled):
    """The own backward passes against the backend's, of single steps."""
    if compiled and BACKEND == "torch":
        pytest.skip("torch.compile takes too long")
    arguments = make_arguments(steps=steps)

    def step_by_step(x, h, c, *weights):
        outputs = []
        for t in range(steps):
            h, c = lstm_step(x[:, t], h, c, *weights)
            outputs.append(h)
        return weighted_sum(ops.stack(outputs, axis=1), h, c)

    expected = gradients_of(step_by_step, arguments, compiled=True)
    actual = gradients_of(lstm_loss, arguments, compiled=compiled)
    assert_close(actual, expected)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_close_to_full(dtype):
    arguments = make_arguments()
    tensors = [ops.cast(a, dtype) for a in arguments]
    results = lstm(*tensors)
    assert all(
        keras.backend.standardize_dtype(r.dtype) == dtype for r in results
    )
    assert_close(map(to_numpy, results), numpy_lstm(*arguments), 0.05)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_gradients_are_close_to_full(gradients_of, dtype):
    arguments = make_arguments()

    def in_half(*arguments):
        return lstm_loss(*(ops.cast(a, dtype) for a in arguments))

    actual = gradients_of(in_half, arguments)
    assert_close(actual, gradients_of(lstm_loss, arguments), 0.1)


def test_two_halves_equal_the_whole():
    x, h, c, *weights = map(ops.convert_to_tensor, make_arguments(steps=8))
    whole, last_h, last_c = lstm(x, h, c, *weights)
    first, h, c = lstm(x[:, :3], h, c, *weights)
    second, h, c = lstm(x[:, 3:], h, c, *weights)
    joined = ops.concatenate([first, second], axis=1)
    assert_close(
        map(to_numpy, (joined, h, c)), map(to_numpy, (whole, last_h, last_c))
    )


def test_equals_torch(gradients_of):
    torch = pytest.importorskip("torch")
    x, h, c, kernel, recurrent_kernel, bias = make_arguments()
    reference = torch.nn.LSTM(4, 5, batch_first=True)
    with torch.no_grad():
        reference.weight_ih_l0.copy_(torch.tensor(kernel.T))
        reference.weight_hh_l0.copy_(torch.tensor(recurrent_kernel.T))
        # torch has two biases, and adds them.
        reference.bias_ih_l0.copy_(torch.tensor(0.25 * bias))
        reference.bias_hh_l0.copy_(torch.tensor(0.75 * bias))
    states = (torch.tensor(h)[None], torch.tensor(c)[None])
    steps = torch.tensor(x, requires_grad=True)
    outputs, (last_h, last_c) = reference(steps, states)
    expected = [t.detach().cpu().numpy() for t in (outputs, last_h, last_c)]
    arguments = [x, h, c, kernel, recurrent_kernel, bias]
    actual = lstm(*map(ops.convert_to_tensor, arguments))
    assert_close(
        map(to_numpy, actual), [expected[0], expected[1][0], expected[2][0]]
    )
    loss = outputs.sin().sum() + (last_h * last_c).sum() + (last_c**2).sum()
    loss.backward()
    actual = gradients_of(lstm_loss, arguments)
    assert_close(
        [actual[0], *actual[3:]],
        [
            steps.grad.numpy(),
            reference.weight_ih_l0.grad.numpy().T,
            reference.weight_hh_l0.grad.numpy().T,
            reference.bias_ih_l0.grad.numpy(),
        ],
    )


def test_xla_compiles_it_without_a_gpu():
    if BACKEND == "tensorflow":
        import tensorflow as tf

        without_gpu = not tf.config.get_visible_devices("GPU")
        assert lstm_supports_jit() == without_gpu
    assert lstm_supports_jit(portable=True)
