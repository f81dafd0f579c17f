"""Shared by all tests: a fixed seed, and where the public corpora lie."""

import os
import pathlib

import keras
import pytest


@pytest.fixture(autouse=True)
def fixed_seed():
    keras.utils.set_random_seed(0)


@pytest.fixture
def data_dir():
    """The folder of public corpora, or a skip where there is none."""
    folder = pathlib.Path(os.environ.get("ULMFIT_DATA_DIR", "missing"))
    if not folder.is_dir():
        pytest.skip("set ULMFIT_DATA_DIR to the folder of public corpora")
    return folder
