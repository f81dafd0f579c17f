"""Options that recipes share, and what comes before all else."""

import contextlib
import os
import pathlib
import sys
import tempfile

from absl import app
from absl import flags
from absl import logging

from recipes.messages import in_options

FLAGS = flags.FLAGS
_until_the_end = contextlib.ExitStack()  # of a recipe

flags.DEFINE_enum(
    "backend",
    None,
    ["tensorflow", "jax", "torch"],
    "Keras backend. Defaults to the one Keras is configured for.",
)
flags.DEFINE_integer(
    "seed",
    0,
    "Seed of data order, masks and new weights.",
    lower_bound=0,
    upper_bound=2**32 - 1,
)
flags.DEFINE_string("output_dir", "outputs", "Folder for all results.")
flags.DEFINE_string("dtype", "float32", "Keras dtype policy.")


def define_reading_flags():
    """Options that tell how texts stand in a table."""
    flags.DEFINE_list("text_column", ["text"], "Name of the text column(s).")
    flags.DEFINE_enum(
        "on_bad_rows",
        "raise",
        ["raise", "skip"],
        "What to do with rows that cannot be read.",
    )
    flags.DEFINE_string("encoding", "utf-8", "Encoding of text files.")
    flags.DEFINE_string(
        "delimiter", None, "What separates columns. Defaults to , or a tab."
    )
    flags.DEFINE_bool(
        "quoting", True, "Quotation marks enclose fields of .csv and .tsv."
    )


def reading_options():
    """The options of `define_reading_flags` as arguments of `read_table`."""
    names = "text_column", "on_bad_rows", "encoding", "delimiter", "quoting"
    return {name: FLAGS[name].value for name in names}


def define_table_flags():
    """Options of recipes that read tables of texts and labels."""
    flags.DEFINE_string(
        "train",
        None,
        "Table of texts and labels (.csv, .tsv, .jsonl, .parquet, perhaps "
        "compressed, or a folder per class), or the name of a public set. "
        "Defaults to built-in text.",
    )
    flags.DEFINE_string(
        "test", None, "Table to report on. Defaults to a part of --train."
    )
    flags.DEFINE_string("unlabeled", None, "Table of more texts.")
    define_reading_flags()
    flags.DEFINE_string(
        "label_column",
        "label",
        "Name of the label column. Empty for texts without labels.",
    )
    flags.DEFINE_enum(
        "problem_type",
        "single_label",
        ["single_label", "multi_label", "regression"],
        "What a label is.",
    )
    flags.DEFINE_string(
        "label_delimiter", ";", "What separates the labels of a row."
    )
    flags.DEFINE_string(
        "data_dir",
        None,
        "Folder of public sets, or of your own: --train=NAME then reads "
        "DATA_DIR/NAME/train.csv and test.csv.",
    )
    for name in ("train", "test", "unlabeled", "data_dir"):
        flags.register_validator(
            name, lambda value: value != "", "name something or leave it out"
        )
    flags.DEFINE_float(
        "test_fraction", 0.2, "How large a part, where there is no --test."
    )
    flags.register_validator(
        "test_fraction", lambda share: 0 < share < 1, "between 0 and 1"
    )
    flags.DEFINE_float(
        "validation_fraction",
        0.1,
        "Share of the training rows held out to validate on; 0 for none.",
    )
    flags.register_validator(
        "validation_fraction",
        lambda share: 0 <= share < 1,
        "0 or more, and below 1",
    )
    flags.DEFINE_integer(
        "train_rows",
        None,
        "Use so many labelled rows; the texts of the others are unlabelled.",
        lower_bound=2,
    )
    flags.DEFINE_bool(
        "clean",
        False,
        "Remove HTML and control characters. Clean texts alike, by "
        "`data.clean_texts`, before you predict.",
    )
    flags.DEFINE_bool(
        "drop_empty", False, "Leave out training rows without a text."
    )
    flags.DEFINE_bool(
        "drop_duplicates",
        False,
        "Leave out training rows that stand twice or in the test table.",
    )


def define_stage_flags():
    """Options of recipes that fine-tune."""
    flags.DEFINE_string("preset", "awd_lstm_small_en", "Language model.")
    flags.DEFINE_enum(
        "settings",
        "small",
        ["paper", "fastai", "small"],
        "Hyper-parameters: of the paper, of the scripts released with it, or "
        "those found for the default preset.",
    )
    flags.DEFINE_integer(
        "batch_size",
        None,
        "In place of the setting's, in every stage that is run.",
        lower_bound=1,
    )


def define_language_model_flags():
    """Options of stage 2."""
    flags.DEFINE_integer(
        "lm_epochs", 3, "Most epochs of stage 2.", lower_bound=0
    )
    flags.DEFINE_float("lm_learning_rate", None, "In place of the setting's.")
    flags.DEFINE_float(
        "lm_dropout_multiplier",
        None,
        "Scales all dropout rates of stage 2, in place of the setting's.",
    )
    flags.DEFINE_integer(
        "num_sampled",
        2048,
        "Words in the training softmax of stage 2, for speed; 0 for all.",
        lower_bound=0,
    )


def define_classifier_flags():
    """Options of stage 3."""
    flags.DEFINE_string(
        "backward_preset",
        None,
        "Language model that reads backwards, with the vocabulary of --preset. "
        "A classifier is trained on it, too, and both are averaged.",
    )
    flags.DEFINE_integer(
        "classifier_epochs", 8, "Most epochs of stage 3.", lower_bound=1
    )
    flags.DEFINE_integer(
        "patience",
        None,
        "Stop stage 3 after so many epochs without a better validation loss, "
        "and keep the best weights. Defaults to all epochs and the last "
        "weights.",
        lower_bound=0,
    )
    flags.register_multi_flags_validator(
        ["patience", "validation_fraction"],
        lambda values: (
            values["patience"] is None or values["validation_fraction"] > 0
        ),
        "--patience needs a --validation_fraction above 0",
    )
    flags.DEFINE_integer(
        "max_length",
        1400,
        "Tokens of a text that gradients flow through.",
        lower_bound=1,
    )
    flags.DEFINE_integer(
        "max_tokens",
        4000,
        "Tokens of a text that are read at all.",
        lower_bound=2,
    )
    flags.DEFINE_float(
        "classifier_dropout_multiplier",
        None,
        "Scales all dropout rates of stage 3, in place of the setting's.",
    )
    flags.DEFINE_float(
        "adversarial_epsilon",
        None,
        "Train stage 3 on perturbed word vectors, too: size of a perturbation "
        "over that of the text, such as 0.02. Takes twice the time.",
    )
    flags.DEFINE_float(
        "classifier_learning_rate", None, "In place of the setting's."
    )
    flags.DEFINE_float(
        "classifier_factor",
        None,
        "Rate of a layer in stage 3 over that of the next lower, in place of "
        "the setting's 2.6; with 1 all layers have one rate.",
    )
    flags.DEFINE_enum(
        "unfreezing",
        None,
        ["one_by_one", "last_two_then_all", "chain_thaw", "all"],
        "In place of the setting's plan.",
    )
    flags.DEFINE_enum(
        "balance",
        None,
        ["weights", "sampling"],
        "Give all classes the same say: by weights in the loss, or by "
        "repeating training rows of the smaller ones.",
    )
    flags.register_multi_flags_validator(
        ["balance", "problem_type"],
        lambda values: (
            values["balance"] is None
            or values["problem_type"] == "single_label"
        ),
        "--balance needs rows of one label each (--problem_type=single_label)",
    )


@contextlib.contextmanager
def user_errors(kinds=(ValueError, OSError, ImportError)):
    """End the program with the bare message of an error in here.

    For what options and data can do wrong; an error of a later part is one
    of the program, which needs its traceback.

    Args:
        kinds: tuple of the classes of the errors.
    """
    try:
        yield
    except kinds as error:
        sys.exit(f"\n{type(error).__name__}: {in_options(str(error))}")


def run(main):
    """Run a recipe's `main`, once its command line is seen to be in order."""

    def check_and_run(arguments):
        with user_errors():
            if len(arguments) > 1:
                raise ValueError(
                    "Each value needs the name of its option before it, as in "
                    "--train=reviews.csv, and what is on or off takes none: "
                    f"--clean or --noclean. Received: {arguments[1:]}"
                )
        with _until_the_end:
            main(arguments)

    app.run(check_and_run)


def check_needed(names, useful, needed, beside=()):
    """Refuse options that would change nothing.

    Args:
        names: of the options.
        useful: whether they change something.
        needed: what they go with.
        beside: names of options that the message tells, too.

    Raises:
        ValueError: if they are not useful and one is given.
    """
    given = [FLAGS[name] for name in names if FLAGS[name].present]
    if given and not useful:
        told = [*given, *(FLAGS[name] for name in beside)]
        raise ValueError(
            f"--{given[0].name} goes with {needed}. "
            f"Received: {' '.join(flag.serialize() for flag in told)}"
        )


@user_errors()
def start(writes=False):
    """Choose backend, seed and dtype; call before importing Keras.

    Args:
        writes: whether the recipe must have the output folder for itself.

    Returns:
        The output folder, a `pathlib.Path`, made if it was not there.
    """
    output_dir = pathlib.Path(FLAGS.output_dir)
    try:  # before minutes of training
        output_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=output_dir):
            pass
    except OSError as error:
        raise OSError(
            "--output_dir must be a folder that files can be written to: name "
            f"another. Received: {output_dir} ({error})"
        ) from error
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if FLAGS.backend:
        os.environ["KERAS_BACKEND"] = FLAGS.backend
    logging.set_verbosity(logging.WARNING)
    import keras

    if writes:
        from ulmfit_keras.folder_lock import only_run

        _until_the_end.enter_context(only_run(output_dir, wait=False))
    keras.utils.set_random_seed(FLAGS.seed)
    try:
        keras.config.set_dtype_policy(FLAGS.dtype)
    except ValueError as error:
        raise ValueError(
            "--dtype must be one of Keras' policies, such as float32 or "
            f"mixed_bfloat16. Received: --dtype={FLAGS.dtype}"
        ) from error
    return output_dir
