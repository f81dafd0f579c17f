"""The schedule against the formula of the paper."""

import math

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from ulmfit_keras.schedules import SlantedTriangular


def rates(schedule, steps):
    # Always of the same length, which JAX compiles once.
    values = schedule(keras.ops.arange(5000))
    return keras.ops.convert_to_numpy(values)[:steps]


def paper_rate(t, steps, cut_fraction, ratio, peak):
    """Equation 3 of Howard & Ruder 2018, line by line."""
    cut = math.floor(steps * cut_fraction)
    if t < cut:
        p = t / cut
    else:
        p = 1 - (t - cut) / (cut * (1 / cut_fraction - 1))
    return peak * (1 + p * (ratio - 1)) / ratio


@settings(deadline=None, max_examples=60)
@given(
    hundreds=st.integers(1, 30),
    percent=st.integers(1, 99),
    ratio=st.floats(1, 100),
    peak=st.floats(1e-5, 30),
)
def test_every_step_is_the_papers(hundreds, percent, ratio, peak):
    steps = 100 * hundreds
    cut_fraction = percent / 100
    schedule = SlantedTriangular(peak, steps, cut_fraction, ratio)
    # `floor` of a product like 0.29 * 100 is off by one in floating point.
    exact = percent * hundreds / steps
    expected = [
        paper_rate(t, steps, exact + 1e-12, ratio, peak) for t in range(steps)
    ]
    np.testing.assert_allclose(
        rates(schedule, steps), expected, rtol=1e-4, atol=1e-6 * peak
    )


@pytest.mark.parametrize("steps", range(1, 21))
@pytest.mark.parametrize("cut_fraction", [0.1, 0.5, 0.95])
def test_short_runs_are_finite_and_reach_the_peak(steps, cut_fraction):
    values = rates(SlantedTriangular(0.5, steps, cut_fraction), steps + 5)
    assert np.all(np.isfinite(values))
    assert np.all(values >= 0.5 / 32 * (1 - 1e-5))
    np.testing.assert_allclose(values[:steps].max(), 0.5, rtol=1e-6)


@settings(deadline=None, max_examples=60)
@given(steps=st.integers(1, 5000), cut_fraction=st.floats(0.001, 0.999))
def test_any_run_rises_once_and_falls_once(steps, cut_fraction):
    values = rates(SlantedTriangular(1.0, steps, cut_fraction), steps)
    top = int(values.argmax())
    np.testing.assert_allclose(values[top], 1.0, rtol=1e-4)
    assert np.all(np.diff(values[: top + 1]) > 0)
    assert np.all(np.diff(values[top:]) <= 0)
    assert values.min() >= 1 / 32 - 1e-6


def test_rate_stays_low_after_the_last_step():
    schedule = SlantedTriangular(0.32, 100)
    np.testing.assert_allclose(rates(schedule, 5000)[100:], 0.01, rtol=1e-5)


@pytest.mark.parametrize(
    "arguments",
    [
        {"total_steps": 0},
        {"total_steps": 5, "cut_fraction": 0.0},
        {"total_steps": 5, "cut_fraction": 1.0},
        {"total_steps": 5, "ratio": 0.5},
        {"total_steps": 5, "ratio": float("nan")},
        {"total_steps": 5, "cut_fraction": None},
        {"total_steps": 5, "peak": -1.0},
        {"total_steps": 5, "peak": float("inf")},
        {"total_steps": "10"},
        {"total_steps": float("inf")},
    ],
)
def test_arguments_out_of_range_are_refused(arguments):
    with pytest.raises(ValueError, match="Received:"):
        SlantedTriangular(**{"peak": 0.1, **arguments})


def test_config_round_trip():
    schedule = SlantedTriangular(0.1, 50, 0.2, 16.0)
    copy = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(schedule)
    )
    np.testing.assert_array_equal(rates(copy, 50), rates(schedule, 50))
