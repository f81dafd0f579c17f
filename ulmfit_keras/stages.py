"""Stages two and three of ULMFiT, each a function over plain Keras.

What they do can be done by hand: compile with a `DiscriminativeOptimizer`
on a `SlantedTriangular` schedule, fit with `GradualUnfreezing`. They put the
pieces together with the published settings.
"""

import keras
import numpy as np

from ulmfit_keras import data
from ulmfit_keras import models
from ulmfit_keras.callbacks import GradualUnfreezing
from ulmfit_keras.callbacks import LearningRateLogger
from ulmfit_keras.optimizers import DiscriminativeOptimizer
from ulmfit_keras.schedules import LengthScaled
from ulmfit_keras.schedules import SlantedTriangular
from ulmfit_keras.settings import CLASSIFIER_SETTINGS
from ulmfit_keras.settings import LANGUAGE_MODEL_SETTINGS
from ulmfit_keras.settings import choose_settings
from ulmfit_keras.stage_checks import check_class_weight
from ulmfit_keras.stage_checks import check_finite
from ulmfit_keras.stage_checks import check_texts


def _adam(stage, schedule, trainer, groups, verbose):
    """The optimizer of a stage; tells its groups if `verbose`."""
    adam = (
        keras.optimizers.AdamW if stage.weight_decay else keras.optimizers.Adam
    )
    decay = {"weight_decay": stage.weight_decay} if stage.weight_decay else {}
    multipliers = stage.multipliers
    if multipliers is not None:
        embedding, *lstms = multipliers
        layers = len(groups) - 1
        lower = [lstms[0]] * (layers - len(lstms))
        multipliers = (embedding, *lower, *lstms[-layers:])
    optimizer = DiscriminativeOptimizer(
        adam(
            schedule,
            beta_1=stage.beta_1,
            beta_2=stage.beta_2,
            global_clipnorm=stage.clip_norm,
            **decay,
        ),
        groups,
        factor=stage.factor,
        multipliers=multipliers,
    )
    if verbose:
        # Built first, since only then it knows the sizes of its groups.
        optimizer.build(trainer.trainable_variables)
        print(optimizer.group_table())
    return optimizer


def _loss_and_metric(problem_type):
    """The loss and the metric of logits."""
    if problem_type == "multi_label":
        return (
            keras.losses.BinaryCrossentropy(from_logits=True),
            keras.metrics.BinaryAccuracy("accuracy", threshold=0.0),
        )
    if problem_type == "regression":
        return (
            keras.losses.MeanSquaredError(),
            keras.metrics.MeanAbsoluteError("error"),
        )
    return (
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        keras.metrics.SparseCategoricalAccuracy("accuracy"),
    )


def _early_stopping(patience, start_from_epoch=0):
    """No callback for `patience=None`, else the one that stops training."""
    if patience is None:
        return []
    return [
        keras.callbacks.EarlyStopping(
            "val_loss",
            patience=patience,
            restore_best_weights=True,
            start_from_epoch=start_from_epoch,
        )
    ]


def finetune_language_model(
    language_model,
    texts,
    validation_texts=None,
    validation_fraction=0.1,
    epochs=5,
    settings="paper",
    learning_rate=None,
    batch_size=None,
    bptt=70,
    random_length=True,
    dropout_multiplier=None,
    transfer_vocabulary=True,
    min_count=2,
    num_sampled=None,
    patience=2,
    callbacks=(),
    seed=0,
    verbose="auto",
):
    """Fine-tune a language model on the target's text (paper, section 3.2).

    The model is trained in place. With `transfer_vocabulary` its words are
    first exchanged for those of the texts: words known to both keep their
    vectors, the others start at the mean vector, and the rows of the old
    words that are least used make room, so that no shape changes.

    Args:
        language_model: an `AWDLSTMCausalLM` with its preprocessor.
        texts: list of str, labelled or not; labels are not looked at.
        validation_texts: list of str. Defaults to None: held out from
            `texts`.
        validation_fraction: share of `texts` held out. Defaults to 0.1. With
            0 nothing is validated: all epochs are run, and the last weights
            kept.
        epochs: at most. Defaults to 5.
        settings: `"paper"`, `"fastai"` or `"small"`, see
            `ulmfit_keras.settings`. Defaults to `"paper"`; for the shipped
            small model take `"small"`.
        learning_rate: highest rate, in place of the setting's.
        batch_size: rows of the stream, in place of the setting's; lowered
            where the text is too short for it.
        bptt: window length in tokens. Defaults to 70.
        random_length: draw window lengths at random. Defaults to True.
        dropout_multiplier: scales all dropout rates, in place of the
            setting's.
        transfer_vocabulary: see above. Defaults to True.
        min_count: how often a new word must occur. Defaults to 2.
        num_sampled: words in the training softmax, see
            `StreamLanguageModel`. Defaults to None: all, as in the paper.
        patience: epochs without a better validation loss before training
            stops; the best weights are kept. Defaults to 2. None trains all
            epochs and keeps the last weights.
        callbacks: more Keras callbacks.
        seed: of data order and splits. Defaults to 0.
        verbose: as in `fit`. Unless 0, the layer groups and their rates are
            printed first.

    Returns:
        The Keras `History`, with `vocabulary_transfer` (a
        `VocabularyTransfer` or None) as an attribute.

    Raises:
        ValueError: if there are fewer than two texts, no word to train or
            to validate on, `settings` is unknown, a rate out of its range,
            or if training diverges.

    Example:

    ```python
    finetune_language_model(language_model, texts, epochs=3)
    ```
    """
    stage = choose_settings(
        LANGUAGE_MODEL_SETTINGS,
        settings,
        learning_rate=learning_rate,
        batch_size=batch_size,
        dropout_multiplier=dropout_multiplier,
    )
    train_texts, valid_texts = _texts_split(
        list(texts), validation_texts, validation_fraction, seed
    )
    check_texts(language_model, train_texts, "train on", "give more")
    if valid_texts:
        check_texts(
            language_model,
            valid_texts,
            "validate on",
            "give more texts, or hold out none by validation_fraction=0",
        )
    transfer = None
    if transfer_vocabulary:
        transfer = models.exchange_vocabulary(
            language_model, train_texts, min_count
        )
    train_ids = language_model.token_ids(train_texts)
    # Rows of at least two windows, or the carried state means little.
    num_tokens = sum(map(len, train_ids))
    rows = min(stage.batch_size, max(1, num_tokens // bptt // 2))
    stream = data.TokenStream(
        train_ids, rows, bptt, random_length, epochs=epochs, seed=seed
    )
    _set_dropout(language_model.backbone, stage)
    trainer = models.StreamLanguageModel(
        language_model,
        rows,
        alpha=stage.alpha,
        beta=stage.beta,
        num_sampled=num_sampled,
    )
    schedule = SlantedTriangular(
        stage.learning_rate,
        stream.steps,
        stage.cut_fraction,
        stage.ratio,
    )
    if random_length:
        schedule = LengthScaled(schedule, stream.lengths, bptt)
    groups = language_model.layer_groups()
    trainer.compile(_adam(stage, schedule, trainer, groups, verbose))
    valid = None
    if valid_texts:
        valid_ids = language_model.token_ids(valid_texts)
        valid = data.TokenStream(valid_ids, rows, bptt)
    early_stopping = _early_stopping(None if valid is None else patience)
    history = trainer.fit(
        stream,
        epochs=epochs,
        validation_data=valid,
        callbacks=[
            LearningRateLogger(),
            *early_stopping,
            keras.callbacks.TerminateOnNaN(),
            *callbacks,
        ],
        verbose=verbose,
    )
    check_finite(history, early_stopping, stage.learning_rate)
    history.vocabulary_transfer = transfer
    return history


def _set_dropout(backbone, stage):
    backbone.set_dropout(stage.dropout, multiplier=stage.dropout_multiplier)


def _copied_backbone(backbone):
    copy = type(backbone).from_config(backbone.get_config())
    copy.set_weights(backbone.get_weights())
    return copy


def _texts_split(texts, validation_texts, validation_fraction, seed):
    if len(texts) < 2:
        raise ValueError(
            "Fine-tuning needs at least two texts, one of them to validate "
            f"on. Received: {len(texts)} texts"
        )
    if validation_texts is not None:
        return texts, list(validation_texts)
    if validation_fraction == 0:
        return texts, []
    order = np.random.default_rng(seed).permutation(len(texts))
    held_out = max(1, round(validation_fraction * len(texts)))
    return (
        [texts[i] for i in order[held_out:]],
        [texts[i] for i in order[:held_out]],
    )


def train_classifier(
    language_model,
    texts,
    labels,
    validation_data=None,
    validation_fraction=0.1,
    problem_type="single_label",
    epochs=10,
    settings="paper",
    learning_rate=None,
    batch_size=None,
    max_length=1400,
    max_tokens=4000,
    unfreezing=None,
    dropout_multiplier=None,
    class_weight=None,
    patience=None,
    callbacks=(),
    seed=0,
    verbose="auto",
):
    """Train a classifier on a fine-tuned language model (section 3.3).

    The encoder is copied, so the language model stays as it is.

    Args:
        language_model: an `AWDLSTMCausalLM` with its preprocessor.
        texts: list of N str.
        labels: N labels: strings or integers; lists of them for
            `"multi_label"`; numbers for `"regression"`.
        validation_data: (texts, labels). Defaults to None: a stratified
            part of the training rows is held out.
        validation_fraction: how large a part. Defaults to 0.1. With 0 all
            rows are trained on and nothing is validated.
        problem_type: `"single_label"`, `"multi_label"` or `"regression"`.
        epochs: over which the learning rate rises and falls. Defaults to
            10.
        settings: `"paper"`, `"fastai"` or `"small"`, see
            `ulmfit_keras.settings`. Defaults to `"paper"`; for the shipped
            small model take `"small"`.
        learning_rate: highest rate, in place of the setting's.
        batch_size: documents a step, in place of the setting's.
        max_length: gradients flow through the last so many tokens of a
            document (BPT3C). Defaults to 1400, that is 20 windows of 70.
        max_tokens: documents are cut off after so many tokens, in training
            and in `predict`. Defaults to 4000.
        unfreezing: a plan of `GradualUnfreezing`, in place of the setting's.
        dropout_multiplier: scales all dropout rates, in place of the
            setting's.
        class_weight: dict from label to weight, or `"balanced"`; for
            `"single_label"` only. Defaults to None.
        patience: epochs without a better validation loss before training
            stops, counted once all groups are unfrozen; the best weights
            are kept. Defaults to None: all epochs are run and the last
            weights kept, those of the lowest rate. The best loss often comes
            early, at a high rate, and with a worse accuracy.
        callbacks: more Keras callbacks.
        seed: of data order and splits. Defaults to 0.
        verbose: as in `fit`. Unless 0, the layer groups and their rates are
            printed first.

    Returns:
        An `AWDLSTMTextClassifier`; `predict` takes strings.

    Raises:
        ValueError: if texts and labels do not fit each other, a label occurs
            only in the validation data, `settings` is unknown, a rate out of
            its range, there is a `patience` but nothing to validate on, there
            are class weights but no classes, or if training diverges.

    Example:

    ```python
    classifier = train_classifier(language_model, texts, labels)
    classifier.predict(["What a film!"])
    ```
    """
    stage = choose_settings(
        CLASSIFIER_SETTINGS,
        settings,
        learning_rate=learning_rate,
        batch_size=batch_size,
        dropout_multiplier=dropout_multiplier,
        unfreezing=unfreezing,
    )
    check_class_weight(class_weight, problem_type)
    texts, labels = list(texts), list(labels)
    if validation_data is None and validation_fraction:
        train_rows, valid_rows = data.stratified_split(
            labels, validation_fraction, seed, problem_type
        )
        validation_data = (
            [texts[i] for i in valid_rows],
            [labels[i] for i in valid_rows],
        )
        texts = [texts[i] for i in train_rows]
        labels = [labels[i] for i in train_rows]
    if validation_data is None and patience is not None:
        raise ValueError(
            "`patience` waits for a better validation loss: give "
            "`validation_data` or a `validation_fraction` above 0, or leave "
            f"`patience` out. Received: patience={patience} and "
            f"validation_fraction={validation_fraction}"
        )
    names = data.label_names(labels, problem_type)
    targets = data.encode_labels(labels, names, problem_type)
    classifier = models.AWDLSTMTextClassifier(
        _copied_backbone(language_model.backbone),
        num_classes=targets.shape[-1] if names is None else len(names),
        preprocessor=models.AWDLSTMTextClassifierPreprocessor(
            language_model.preprocessor.tokenizer.copy(),
            sequence_length=max_tokens,
        ),
        problem_type=problem_type,
        labels=names,
        max_length=max_length,
    )
    _set_dropout(classifier.backbone, stage)
    token_ids = classifier.preprocessor.token_ids
    train = data.LengthBuckets(
        token_ids(texts),
        targets,
        sample_weight=data.sample_weights(labels, class_weight),
        batch_size=stage.batch_size,
        shuffle=True,
        seed=seed,
    )
    valid = None
    if validation_data is not None:
        valid_texts, valid_labels = map(list, validation_data)
        valid = data.LengthBuckets(
            token_ids(valid_texts),
            data.encode_labels(valid_labels, names, problem_type),
            batch_size=stage.batch_size,
        )
    trainer = classifier.logits_model(stage.alpha, stage.beta)
    schedule = SlantedTriangular(
        stage.learning_rate,
        epochs * len(train),
        stage.cut_fraction,
        stage.ratio,
    )
    groups = classifier.layer_groups()
    loss, metric = _loss_and_metric(problem_type)
    trainer.compile(
        _adam(stage, schedule, trainer, groups, verbose),
        loss=loss,
        weighted_metrics=[metric],
    )
    early_stopping = _early_stopping(patience, min(epochs, len(groups)) - 1)
    gradual_unfreezing = GradualUnfreezing(stage.unfreezing)
    try:
        history = trainer.fit(
            train,
            epochs=epochs,
            shuffle=False,
            validation_data=valid,
            callbacks=[
                gradual_unfreezing,
                LearningRateLogger(),
                *early_stopping,
                keras.callbacks.TerminateOnNaN(),
                *callbacks,
            ],
            verbose=verbose,
        )
    finally:
        gradual_unfreezing.unfreeze_all()
    check_finite(history, early_stopping, stage.learning_rate)
    return classifier
