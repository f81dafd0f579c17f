import keras
import numpy as np
import pytest

from ulmfit_keras.schedules.length_scaled import LengthScaled
from ulmfit_keras.schedules.slanted_triangular import SlantedTriangular


def test_rate_follows_the_window_lengths():
    schedule = LengthScaled(0.1, [70, 35, 105], base_length=70)
    rates = [float(schedule(step)) for step in range(4)]
    np.testing.assert_allclose(rates, [0.1, 0.05, 0.15, 0.15], rtol=1e-6)


def test_base_may_be_a_schedule_and_config_round_trips():
    base = SlantedTriangular(0.1, 10)
    schedule = LengthScaled(base, [35] * 10, base_length=70)
    again = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(schedule)
    )
    for step in range(10):
        assert float(schedule(step)) == float(base(step)) / 2
        assert float(again(step)) == float(schedule(step))


@pytest.mark.parametrize(
    "lengths, base_length",
    [([], 70), ([70, 0], 70), ([70], 0), ([70], -1), ([70], float("nan"))],
)
def test_arguments_out_of_range_are_refused(lengths, base_length):
    with pytest.raises(ValueError, match="Received:"):
        LengthScaled(0.1, lengths, base_length)


def test_a_config_makes_any_number_of_schedules():
    config = LengthScaled(0.1, [70, 35], 70).get_config()
    for _ in range(2):
        rate = float(LengthScaled.from_config(config)(1))
        assert rate == pytest.approx(0.05)
