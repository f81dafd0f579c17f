"""GradientBoundary."""

import keras
import numpy as np
import pytest
from keras import ops

from ulmfit_keras.layers import GradientBoundary


def test_gradient_passes_only_while_open(gradients_of):
    boundary = GradientBoundary(1)
    x = np.array([[1.0, 2.0]], "float32")

    def loss(x):
        return ops.sum(ops.square(boundary(x))) + ops.sum(x)

    for closed, expected in ((False, 2 * x + 1), (True, np.ones_like(x))):
        boundary.closed = closed
        np.testing.assert_array_equal(ops.convert_to_numpy(boundary(x)), x)
        (gradient,) = gradients_of(loss, [x])
        np.testing.assert_array_equal(gradient, expected)


def test_opens_on_loading():
    boundary = GradientBoundary(3)
    boundary.closed = True
    copy = GradientBoundary.from_config(boundary.get_config())
    assert copy.groups_below == 3
    assert not copy.closed


def test_symbolic_shape():
    assert GradientBoundary(1)(keras.Input((None, 4))).shape == (None, None, 4)


def test_wrong_number_of_groups():
    with pytest.raises(ValueError, match="Received: groups_below=0"):
        GradientBoundary(0)
