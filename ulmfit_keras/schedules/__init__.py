"""Learning rate schedules."""

from ulmfit_keras.schedules.slanted_triangular import SlantedTriangular

__all__ = ["SlantedTriangular"]
