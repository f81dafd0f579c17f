"""The stages of ULMFiT by a recipe's options."""

import contextlib
import importlib

from absl import flags

from recipes import common

FLAGS = flags.FLAGS


@common.user_errors()
def check_language_model_options():
    """Find figures that stage 2 cannot train with; returns the settings."""
    from ulmfit_keras import settings

    names = ("lm_learning_rate", "lm_dropout_multiplier", "num_sampled")
    given = [FLAGS[name].serialize() for name in names if FLAGS[name].present]
    if not FLAGS.lm_epochs and given:
        raise ValueError(
            "Without a stage 2 its options change nothing: leave them out, or "
            f"give --lm_epochs. Received: --lm_epochs=0 {' '.join(given)}"
        )
    return settings.choose_settings(
        settings.LANGUAGE_MODEL_SETTINGS,
        FLAGS.settings,
        learning_rate=FLAGS.lm_learning_rate,
        dropout_multiplier=FLAGS.lm_dropout_multiplier,
    )


@common.user_errors()
def check_classifier_options():
    """Find figures that stage 3 cannot train with; returns the settings."""
    from ulmfit_keras import settings
    from ulmfit_keras.layers.sizes import check_at_least
    from ulmfit_keras.models.adversarial_training import check_epsilon

    check_at_least(2, batch_size=FLAGS.batch_size)
    if FLAGS.adversarial_epsilon is not None:
        check_epsilon("adversarial_epsilon", FLAGS.adversarial_epsilon)
    return settings.choose_settings(
        settings.CLASSIFIER_SETTINGS,
        FLAGS.settings,
        learning_rate=FLAGS.classifier_learning_rate,
        dropout_multiplier=FLAGS.classifier_dropout_multiplier,
        factor=FLAGS.classifier_factor,
        unfreezing=FLAGS.unfreezing,
    )


def settings_in_use():
    """What stages 2 and 3 train with where an option leaves it to them.

    Returns:
        A dict from names, mostly those of options, to values.
    """
    lm, classifier = check_language_model_options(), check_classifier_options()
    values = {}
    if FLAGS.lm_epochs:
        values = {
            "lm_batch_size": FLAGS.batch_size or lm.batch_size,
            "lm_learning_rate": lm.learning_rate,
            "lm_dropout_multiplier": lm.dropout_multiplier,
        }
    return {
        **values,
        "classifier_batch_size": FLAGS.batch_size or classifier.batch_size,
        "classifier_learning_rate": classifier.learning_rate,
        "classifier_dropout_multiplier": classifier.dropout_multiplier,
        "classifier_factor": classifier.factor,
        "unfreezing": classifier.unfreezing,
    }


@contextlib.contextmanager
def _user_errors():
    """As `common.user_errors`, for what only shows while training."""
    from ulmfit_keras import data
    from ulmfit_keras import stages

    with common.user_errors((data.DataError, stages.DivergenceError)):
        yield


@_user_errors()
def finetune_language_model(language_model, tables, output_dir):
    """Stage 2 by the options, on all texts but those of the test table.

    Returns:
        The Keras `History`.
    """
    import ulmfit_keras

    check_language_model_options()
    texts = list(tables["train"].texts)
    if "unlabeled" in tables:
        texts += tables["unlabeled"].texts
    print(f"Counting the words of {len(texts):,} texts")
    return ulmfit_keras.finetune_language_model(
        language_model,
        texts,
        validation_texts=tables["valid"].texts if "valid" in tables else None,
        validation_fraction=FLAGS.validation_fraction,
        epochs=FLAGS.lm_epochs,
        settings=FLAGS.settings,
        learning_rate=FLAGS.lm_learning_rate,
        batch_size=FLAGS.batch_size,
        dropout_multiplier=FLAGS.lm_dropout_multiplier,
        num_sampled=FLAGS.num_sampled or None,
        callbacks=logs(
            output_dir, stage_name("language model", language_model)
        ),
        seed=FLAGS.seed,
    )


@_user_errors()
def train_classifier(language_model, tables, output_dir, arrange=None):
    """Stage 3 by the options.

    Args:
        language_model: an `AWDLSTMCausalLM`, or a classifier to train on.
        tables: see `inputs.read_tables`.
        output_dir: `pathlib.Path`.
        arrange: function from texts and their labels, without what is held
            out, to the texts and labels to train on. Defaults to None: they
            are what is trained on.

    Returns:
        (classifier, history), of which the last is a Keras `History`.
    """
    from ulmfit_keras import data

    # What is held out is held out first: no text may be in both.
    train, valid = labelled_parts(tables)
    if FLAGS.balance == "sampling":
        train = train.select(data.oversample(train.labels, FLAGS.seed))
    rows = train.texts, train.labels
    return fit_classifier(
        "classifier",
        language_model,
        *(arrange(*rows) if arrange else rows),
        output_dir,
        validation_data=valid and (valid.texts, valid.labels),
        problem_type=FLAGS.problem_type,
        epochs=FLAGS.classifier_epochs,
        learning_rate=FLAGS.classifier_learning_rate,
        batch_size=FLAGS.batch_size,
        unfreezing=FLAGS.unfreezing,
        class_weight="balanced" if FLAGS.balance == "weights" else None,
        patience=FLAGS.patience,
    )


@_user_errors()
def fit_classifier(kind, language_model, texts, labels, output_dir, **options):
    """`ulmfit_keras.train_classifier` with what options say of all training.

    Args:
        kind: what to call the classifier; its logs are named so.
        language_model: an `AWDLSTMCausalLM`, or a classifier to train on.
        texts: list of N str.
        labels: their N labels.
        output_dir: `pathlib.Path`.
        **options: more of `ulmfit_keras.train_classifier`.

    Returns:
        (classifier, history), of which the last is a Keras `History`.
    """
    import keras

    import ulmfit_keras

    print(f"Looking up the words of {len(texts):,} texts")
    history = keras.callbacks.History()
    classifier = ulmfit_keras.train_classifier(
        language_model,
        texts,
        labels,
        validation_fraction=0,
        settings=FLAGS.settings,
        max_length=FLAGS.max_length,
        max_tokens=FLAGS.max_tokens,
        dropout_multiplier=FLAGS.classifier_dropout_multiplier,
        factor=FLAGS.classifier_factor,
        adversarial_epsilon=FLAGS.adversarial_epsilon,
        callbacks=[
            *logs(output_dir, stage_name(kind, language_model)),
            history,
        ],
        seed=FLAGS.seed,
        **options,
    )
    return classifier, history


def labelled_parts(tables):
    """The training table and the validation table, or None, of stage 3."""
    from ulmfit_keras import data

    train, valid = tables["train"], tables.get("valid")
    if valid is None and FLAGS.validation_fraction:
        parts = data.stratified_split(
            train.labels,
            FLAGS.validation_fraction,
            FLAGS.seed,
            FLAGS.problem_type,
        )
        train, valid = map(train.select, parts)
    return train, valid


def untrained_groups(language_model):
    """Which layer groups the epochs of stage 3 are too few to unfreeze.

    Returns:
        (plan, names, epochs): the name of the plan of unfreezing, a list of
        str, and how many epochs the plan takes.
    """
    from ulmfit_keras.callbacks import gradual_unfreezing

    plan = check_classifier_options().unfreezing
    groups = language_model.backbone.layer_groups()
    names = [*(name for name, _ in groups), "head"]
    stages = gradual_unfreezing.PLANS[plan](len(names))
    trained = set().union(*stages[: FLAGS.classifier_epochs])
    untrained = [name for i, name in enumerate(names) if i not in trained]
    return plan, untrained, len(stages)


def step_learning_rates(history):
    """The learning rate of every step behind a Keras `History`.

    Args:
        history: of a model whose optimizer follows a schedule.

    Returns:
        float32 array, (steps,).
    """
    import keras
    import numpy as np

    from ulmfit_keras.optimizers.optimizer_wrapper import innermost

    optimizer = innermost(history.model.optimizer)
    schedule = keras.optimizers.schedules.deserialize(
        optimizer.get_config()["learning_rate"]
    )
    steps = np.arange(int(optimizer.iterations))
    return keras.ops.convert_to_numpy(schedule(steps))


def average_of(classifiers):
    """The classifiers of one or both directions as one."""
    from ulmfit_keras import models

    if len(classifiers) == 1:
        return classifiers[0]
    return models.BidirectionalTextClassifier(*classifiers)


def stage_name(kind, language_model):
    """What to call the fine-tuned `kind` of a language model."""
    return f"{'backward ' * language_model.backbone.backwards}{kind}"


def logs(output_dir, name, columns=None):
    """Callbacks that log to a table and, if it is there, to TensorBoard.

    Args:
        output_dir: `pathlib.Path`.
        name: of what is trained.
        columns: those of an `EpochTable`, which goes on with the one of an
            earlier call. Defaults to a new table of what the first epoch has.
    """
    import keras

    from recipes.epoch_table import EpochTable

    name = name.replace(" ", "_")
    path = output_dir / f"{name}_log.csv"
    callbacks = [
        keras.callbacks.CSVLogger(path)
        if columns is None
        else EpochTable(path, columns)
    ]
    # Keras' callback needs both.
    if _can_import("tensorboard", "tensorflow"):
        callbacks.append(
            keras.callbacks.TensorBoard(
                output_dir / "tensorboard" / name, write_graph=False
            )
        )
    return callbacks


def _can_import(*names):
    """Whether modules are there and work; a broken one is found as well."""
    try:
        for name in names:
            importlib.import_module(name)
    except ImportError:
        return False
    return True
