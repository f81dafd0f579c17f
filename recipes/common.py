"""Options that recipes share, and what they do with them."""

import importlib.util
import os
import pathlib

from absl import flags
from absl import logging

FLAGS = flags.FLAGS

flags.DEFINE_enum(
    "backend",
    None,
    ["tensorflow", "jax", "torch"],
    "Keras backend. Defaults to the one Keras is configured for.",
)
flags.DEFINE_integer("seed", 0, "Seed of data order, masks and new weights.")
flags.DEFINE_string("output_dir", "outputs", "Folder for all results.")
flags.DEFINE_string("dtype", "float32", "Keras dtype policy.")


def define_table_flags():
    """Options of recipes that read tables of texts."""
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
    flags.DEFINE_string("encoding", "utf-8", "Encoding of text files.")
    flags.DEFINE_string(
        "delimiter", None, "What separates columns. Defaults to , or a tab."
    )
    flags.DEFINE_string(
        "data_dir", None, "Folder of public sets, for people offline."
    )
    flags.DEFINE_float(
        "test_fraction", 0.2, "How large a part, where there is no --test."
    )
    flags.DEFINE_float(
        "validation_fraction", 0.1, "Share of the training rows held out."
    )
    flags.DEFINE_integer(
        "train_rows",
        None,
        "Use so many labelled rows; the texts of the others are unlabelled.",
    )
    flags.DEFINE_bool("clean", False, "Remove HTML and control characters.")
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
        "paper",
        ["paper", "fastai"],
        "Hyper-parameters: of the paper, or of the scripts released with it.",
    )
    flags.DEFINE_float(
        "dropout_multiplier",
        0.3,
        "Scales all dropout rates, which were published for a model four "
        "times as large as the default preset.",
    )
    flags.DEFINE_integer("batch_size", None, "In place of the setting's.")


def define_language_model_flags():
    """Options of stage 2."""
    flags.DEFINE_integer("lm_epochs", 3, "Most epochs of stage 2.")
    flags.DEFINE_float("lm_learning_rate", None, "In place of the setting's.")
    flags.DEFINE_integer(
        "num_sampled",
        2048,
        "Words in the training softmax of stage 2, for speed; 0 for all.",
    )


def define_classifier_flags():
    """Options of stage 3."""
    flags.DEFINE_integer("classifier_epochs", 8, "Most epochs of stage 3.")
    flags.DEFINE_integer(
        "max_length", 1400, "Tokens of a text that gradients flow through."
    )
    flags.DEFINE_integer(
        "max_tokens", 4000, "Tokens of a text that are read at all."
    )
    flags.DEFINE_float(
        "classifier_learning_rate", None, "In place of the setting's."
    )
    flags.DEFINE_enum(
        "unfreezing",
        None,
        ["one_by_one", "last_two_then_all", "chain_thaw", "all"],
        "In place of the setting's plan.",
    )
    flags.DEFINE_bool("balanced", False, "Give all classes the same weight.")


def start():
    """Choose backend, seed and dtype; call before importing Keras.

    Returns:
        The output folder, a `pathlib.Path`, made if it was not there.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if FLAGS.backend:
        os.environ["KERAS_BACKEND"] = FLAGS.backend
    logging.set_verbosity(logging.WARNING)
    import keras

    keras.utils.set_random_seed(FLAGS.seed)
    keras.config.set_dtype_policy(FLAGS.dtype)
    output_dir = pathlib.Path(FLAGS.output_dir)
    output_dir.mkdir(parents=True, exist_ok=True)
    return output_dir


def read_tables():
    """Read the tables that the options name.

    Returns:
        (tables, changes): a dict of `TextTable` with "train", "test" and
        perhaps "valid" and "unlabeled", and a dict of remarks on what was
        done to them, for the data report.
    """
    from ulmfit_keras import data

    changes = {}
    if FLAGS.train is None:
        tables = data.builtin_passages()._asdict()
    elif FLAGS.train in data.PUBLIC_SETS:
        public = data.load_public(FLAGS.train, FLAGS.data_dir)
        tables = {
            name: public[name]
            for name in ("train", "test", "unlabeled")
            if name in public
        }
    else:
        tables = {"train": _read(FLAGS.train)}
        if FLAGS.test:
            tables["test"] = _read(FLAGS.test)
    if FLAGS.unlabeled:
        tables["unlabeled"] = _read(FLAGS.unlabeled, with_labels=False)
    if FLAGS.clean:
        for name, table in tables.items():
            table.texts, counts = data.clean_texts(table.texts)
            changes[f"texts cleaned in {name}"] = counts
    if FLAGS.drop_duplicates:
        others = [tables["test"]] if "test" in tables else []
        before = len(tables["train"])
        tables["train"] = data.drop_rows(
            tables["train"], duplicates=True, also_in=others
        )
        changes["duplicate rows left out"] = before - len(tables["train"])
    if "test" not in tables:
        tables["train"], tables["test"] = _split(
            tables["train"], FLAGS.test_fraction
        )
        changes["no test table"] = (
            f"{len(tables['test']):,} rows, drawn at random from each class, "
            "were held out for the test"
        )
    if FLAGS.train_rows is not None:
        share = 1 - FLAGS.train_rows / len(tables["train"])
        tables["train"], rest = _split(tables["train"], share)
        unlabeled = tables.get("unlabeled", data.TextTable([]))
        tables["unlabeled"] = data.TextTable(
            [*rest.texts, *unlabeled.texts], source=unlabeled.source
        )
        changes["labelled rows used"] = len(tables["train"])
    return tables, changes


def _read(source, with_labels=True):
    from ulmfit_keras import data

    columns = FLAGS.text_column
    return data.read_table(
        source,
        text_column=columns[0] if len(columns) == 1 else columns,
        label_column=FLAGS.label_column if with_labels else None,
        problem_type=FLAGS.problem_type,
        on_bad_rows=FLAGS.on_bad_rows,
        encoding=FLAGS.encoding,
        delimiter=FLAGS.delimiter,
    )


def _split(table, fraction):
    from ulmfit_keras import data

    return map(
        table.select,
        data.stratified_split(
            table.labels, fraction, FLAGS.seed, FLAGS.problem_type
        ),
    )


def finetune_language_model(language_model, tables, output_dir):
    """Stage 2 by the options, on all texts but those of the test table.

    Returns:
        The Keras `History`.
    """
    import ulmfit_keras

    texts = list(tables["train"].texts)
    if "unlabeled" in tables:
        texts += tables["unlabeled"].texts
    return ulmfit_keras.finetune_language_model(
        language_model,
        texts,
        validation_texts=tables["valid"].texts if "valid" in tables else None,
        validation_fraction=FLAGS.validation_fraction,
        epochs=FLAGS.lm_epochs,
        settings=FLAGS.settings,
        learning_rate=FLAGS.lm_learning_rate,
        batch_size=FLAGS.batch_size,
        dropout_multiplier=FLAGS.dropout_multiplier,
        num_sampled=FLAGS.num_sampled or None,
        callbacks=_logs(output_dir, "language_model"),
        seed=FLAGS.seed,
    )


def train_classifier(language_model, tables, output_dir):
    """Stage 3 by the options.

    Returns:
        (classifier, history), of which the last is a Keras `History`.
    """
    import keras

    import ulmfit_keras

    train, valid = tables["train"], tables.get("valid")
    history = keras.callbacks.History()
    classifier = ulmfit_keras.train_classifier(
        language_model,
        train.texts,
        train.labels,
        validation_data=valid and (valid.texts, valid.labels),
        validation_fraction=FLAGS.validation_fraction,
        problem_type=FLAGS.problem_type,
        epochs=FLAGS.classifier_epochs,
        settings=FLAGS.settings,
        learning_rate=FLAGS.classifier_learning_rate,
        batch_size=FLAGS.batch_size,
        max_length=FLAGS.max_length,
        max_tokens=FLAGS.max_tokens,
        unfreezing=FLAGS.unfreezing,
        dropout_multiplier=FLAGS.dropout_multiplier,
        class_weight="balanced" if FLAGS.balanced else None,
        callbacks=[*_logs(output_dir, "classifier"), history],
        seed=FLAGS.seed,
    )
    return classifier, history


def _logs(output_dir, name):
    import keras

    callbacks = [keras.callbacks.CSVLogger(output_dir / f"{name}_log.csv")]
    if importlib.util.find_spec("tensorflow"):  # Keras' callback needs it
        callbacks.append(
            keras.callbacks.TensorBoard(
                output_dir / "tensorboard" / name, write_graph=False
            )
        )
    return callbacks
