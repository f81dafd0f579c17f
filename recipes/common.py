"""Options that recipes share, and the start that every recipe makes."""

import importlib.util
import logging
import os
import pathlib

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


def define_table_flags():
    """Options of recipes that read tables of texts."""
    flags.DEFINE_string(
        "train",
        None,
        "Table of texts and labels (.csv, .tsv, .jsonl, .parquet, perhaps "
        "compressed, or a folder per class), or the name of a public set. "
        "Defaults to built-in text.",
    )
    flags.DEFINE_string("unlabeled", None, "Table of more texts.")
    flags.DEFINE_list("text_column", ["text"], "Name of the text column(s).")
    flags.DEFINE_string("label_column", "label", "Name of the label column.")
    flags.DEFINE_enum(
        "problem_type",
        "single_label",
        ["single_label", "multi_label", "regression"],
        "What a label is.",
    )
    flags.DEFINE_enum(
        "on_bad_rows",
        "raise",
        ["raise", "skip"],
        "What to do with rows that cannot be read.",
    )
    flags.DEFINE_string(
        "data_dir", None, "Folder of public sets, for people offline."
    )
    flags.DEFINE_float(
        "validation_fraction", 0.1, "Share of the training rows held out."
    )


def define_training_flags():
    """Options of recipes that fine-tune."""
    flags.DEFINE_enum(
        "settings",
        "paper",
        ["paper", "fastai"],
        "Hyper-parameters: of the paper, or of the scripts released with it.",
    )
    flags.DEFINE_float("dropout_multiplier", 1.0, "Scales all dropout rates.")
    flags.DEFINE_integer("batch_size", None, "In place of the setting's.")
    flags.DEFINE_string("dtype", "float32", "Keras dtype policy.")


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

    keras.utils.set_random_seed(FLAGS.seed)
    output_dir = pathlib.Path(FLAGS.output_dir)
    output_dir.mkdir(parents=True, exist_ok=True)
    return output_dir


def read_table(source, with_labels=True):
    """Read a table by the options of `define_table_flags`."""
    from ulmfit_keras import data

    columns = FLAGS.text_column
    return data.read_table(
        source,
        text_column=columns[0] if len(columns) == 1 else columns,
        label_column=FLAGS.label_column if with_labels else None,
        problem_type=FLAGS.problem_type,
        on_bad_rows=FLAGS.on_bad_rows,
    )


def training_callbacks(output_dir, name):
    """What logs a training run: a CSV file, and TensorBoard's files."""
    import keras

    callbacks = [keras.callbacks.CSVLogger(output_dir / f"{name}_log.csv")]
    if importlib.util.find_spec("tensorflow"):  # Keras' callback needs it
        callbacks.append(
            keras.callbacks.TensorBoard(
                output_dir / "tensorboard" / name, write_graph=False
            )
        )
    return callbacks
