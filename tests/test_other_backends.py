"""`python -m pytest` alone tests every backend that is installed.

The first backend runs all tests, the others those in which a backend
computes, to save minutes; `KERAS_BACKEND=jax python -m pytest` runs all.
Texts and tables are the same on all backends, most tests of recipes are about
their options, and those marked `logic` train to look at what no backend
decides.
"""

import importlib.util
import os
import pathlib
import subprocess
import sys

import keras
import pytest

OTHERS = [
    backend
    for backend in ("tensorflow", "jax", "torch")
    if backend != keras.backend.backend() and importlib.util.find_spec(backend)
]


@pytest.mark.skipif(
    "KERAS_BACKEND" in os.environ, reason="KERAS_BACKEND chooses one backend"
)
@pytest.mark.parametrize("backend", OTHERS)
def test_suite_passes_on(backend):
    tests = "@tests/where_a_backend_computes.txt"
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-x", tests],
        cwd=pathlib.Path(__file__).parents[1],
        env={**os.environ, "KERAS_BACKEND": backend},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert run.returncode == 0, run.stdout[-5000:]
