import numpy as np
import pytest

from ulmfit_keras.stages.target_scale import TargetScale


@pytest.mark.parametrize("value", [0.1, 3.3, 1e-9, 72.4, 1.6e9])
@pytest.mark.parametrize("rows", [1, 24, 90])
def test_a_column_of_one_value_keeps_its_scale(value, rows):
    scale = TargetScale(np.full((rows, 1), value, "float32"))
    assert scale.deviation.tolist() == [1.0]
    moved = scale.standardized(np.full((rows, 1), value + 1, "float32"))
    if value < 1e6:
        np.testing.assert_allclose(moved, 1.0, atol=1e-4)


def test_targets_far_from_zero_are_standardized():
    targets = np.random.default_rng(0).normal(1.6e9, 1e6, (9000, 2))
    found = TargetScale(targets.astype("float32")).standardized(targets)
    np.testing.assert_allclose(found.mean(axis=0), 0.0, atol=1e-4)
    np.testing.assert_allclose(found.std(axis=0), 1.0, atol=1e-4)
