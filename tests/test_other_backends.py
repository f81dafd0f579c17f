"""`python -m pytest` alone tests every backend that is installed.

The first backend runs all tests, the others those in which a backend
computes, to save minutes; `KERAS_BACKEND=jax python -m pytest` runs all.
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
ROOT = pathlib.Path(__file__).parents[1]
# Texts and tables are the same on all backends, and most tests of recipes are
# about their options.
WHERE_A_BACKEND_COMPUTES = [
    "tests/callbacks",
    "tests/convert",
    "tests/evaluation",
    "tests/export",
    "tests/layers",
    "tests/models",
    "tests/ops",
    "tests/optimizers",
    "tests/recipes/test_classify_text.py",
    "tests/recipes/test_pretrain_language_model.py",
    "tests/schedules",
    *sorted(map(str, ROOT.glob("tests/test_*.py"))),
]


@pytest.mark.skipif(
    "KERAS_BACKEND" in os.environ, reason="KERAS_BACKEND chooses one backend"
)
@pytest.mark.parametrize("backend", OTHERS)
def test_suite_passes_on(backend):
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-x", *WHERE_A_BACKEND_COMPUTES],
        cwd=ROOT,
        env={**os.environ, "KERAS_BACKEND": backend},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert run.returncode == 0, run.stdout[-5000:]
