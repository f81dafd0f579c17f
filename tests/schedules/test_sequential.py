import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from ulmfit_keras.schedules import SequentialSchedule
from ulmfit_keras.schedules import SlantedTriangular


def chain(lengths):
    schedules = [SlantedTriangular(i + 1, n) for i, n in enumerate(lengths)]
    return SequentialSchedule(schedules, np.cumsum(lengths)[:-1].tolist())


@settings(deadline=None)
@given(st.lists(st.integers(1, 7), min_size=1, max_size=4))
def test_every_schedule_starts_at_its_own_first_step(lengths):
    schedule = chain(lengths)
    found = [float(schedule(step)) for step in range(sum(lengths) + 2)]
    expected = [
        float(SlantedTriangular(i + 1, n)(step))
        for i, n in enumerate(lengths)
        for step in range(n)
    ]
    np.testing.assert_allclose(found[: len(expected)], expected, rtol=1e-6)
    # The last goes on.
    last = SlantedTriangular(len(lengths), lengths[-1])
    np.testing.assert_allclose(found[-1], float(last(lengths[-1] + 1)))


def test_a_config_makes_any_number_of_schedules():
    schedule = chain([3, 4])
    config = keras.saving.serialize_keras_object(schedule)
    for _ in range(2):
        again = keras.saving.deserialize_keras_object(config)
        for step in range(8):
            assert float(again(step)) == float(schedule(step))


@pytest.mark.parametrize("milestones", [[], [3, 2], [0, 2], [2, 2], [1, 2, 3]])
def test_milestones_must_rise_and_fit(milestones):
    with pytest.raises(ValueError, match=r"`milestones` must .*Received"):
        SequentialSchedule([SlantedTriangular(1, 2)] * 3, milestones)
