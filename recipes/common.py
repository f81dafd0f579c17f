"""Options that every recipe has, and the start that every recipe makes."""

import logging
import os
import pathlib
import random

from absl import flags

FLAGS = flags.FLAGS

flags.DEFINE_enum(
    "backend",
    None,
    ["tensorflow", "jax", "torch"],
    "Keras backend. Defaults to the one Keras is configured for.",
)
flags.DEFINE_integer("seed", 0, "Seed of data order, masks and new weights.")
flags.DEFINE_string("output_dir", "outputs", "Folder for all results.")


def start():
    """Choose the backend and the seed; call before importing Keras.

    Returns:
        The output folder, a `pathlib.Path`, made if it was not there.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if FLAGS.backend:
        os.environ["KERAS_BACKEND"] = FLAGS.backend
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    import keras

    random.seed(FLAGS.seed)
    keras.utils.set_random_seed(FLAGS.seed)
    output_dir = pathlib.Path(FLAGS.output_dir)
    output_dir.mkdir(parents=True, exist_ok=True)
    return output_dir
