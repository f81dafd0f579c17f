"""The stages of ULMFiT by a recipe's options."""

import importlib.util

from absl import flags

FLAGS = flags.FLAGS


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
        dropout_multiplier=FLAGS.lm_dropout_multiplier,
        num_sampled=FLAGS.num_sampled or None,
        callbacks=logs(
            output_dir, stage_name("language model", language_model)
        ),
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
    if FLAGS.balance == "sampling":
        train, valid = _oversampled(train, valid)
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
        dropout_multiplier=FLAGS.classifier_dropout_multiplier,
        class_weight="balanced" if FLAGS.balance == "weights" else None,
        patience=FLAGS.patience,
        callbacks=[
            *logs(output_dir, stage_name("classifier", language_model)),
            history,
        ],
        seed=FLAGS.seed,
    )
    return classifier, history


def _oversampled(train, valid):
    """The training table with classes of one size, and the validation table.

    What is held out is held out first: no text may be in both.
    """
    from ulmfit_keras import data

    if valid is None and FLAGS.validation_fraction:
        parts = data.stratified_split(
            train.labels, FLAGS.validation_fraction, FLAGS.seed
        )
        train, valid = map(train.select, parts)
    return train.select(data.oversample(train.labels, FLAGS.seed)), valid


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


def logs(output_dir, name, append=False):
    """Callbacks that log to a table and, if it is there, to TensorBoard.

    Args:
        output_dir: `pathlib.Path`.
        name: of what is trained.
        append: go on with the table of an earlier call.
    """
    import keras

    name = name.replace(" ", "_")
    callbacks = [
        keras.callbacks.CSVLogger(output_dir / f"{name}_log.csv", append=append)
    ]
    if importlib.util.find_spec("tensorflow"):  # Keras' callback needs it
        callbacks.append(
            keras.callbacks.TensorBoard(
                output_dir / "tensorboard" / name, write_graph=False
            )
        )
    return callbacks
