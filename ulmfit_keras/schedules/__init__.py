"""Learning rate schedules."""

from ulmfit_keras.schedules.length_scaled import LengthScaled
from ulmfit_keras.schedules.sequential import SequentialSchedule
from ulmfit_keras.schedules.slanted_triangular import SlantedTriangular

__all__ = [
    "LengthScaled",
    "SequentialSchedule",
    "SlantedTriangular",
]
