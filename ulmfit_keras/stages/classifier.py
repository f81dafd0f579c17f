"""Stage three: train a classifier on a fine-tuned language model."""

import itertools

import keras

from ulmfit_keras import data
from ulmfit_keras import models
from ulmfit_keras.callbacks import GradualUnfreezing
from ulmfit_keras.callbacks import LearningRateLogger
from ulmfit_keras.callbacks.gradual_unfreezing import PLANS
from ulmfit_keras.layers.sizes import check_at_least
from ulmfit_keras.models.adversarial_training import check_epsilon
from ulmfit_keras.models.quantization import check_not_quantized
from ulmfit_keras.schedules import SequentialSchedule
from ulmfit_keras.schedules import SlantedTriangular
from ulmfit_keras.settings import CLASSIFIER_SETTINGS
from ulmfit_keras.settings import choose_settings
from ulmfit_keras.stages.checks import check_class_weight
from ulmfit_keras.stages.checks import check_finite
from ulmfit_keras.stages.checks import check_pairs
from ulmfit_keras.stages.checks import check_preprocessor
from ulmfit_keras.stages.checks import check_share
from ulmfit_keras.stages.checks import check_texts
from ulmfit_keras.stages.checks import check_width
from ulmfit_keras.stages.checks import listed
from ulmfit_keras.stages.checks import listed_pair
from ulmfit_keras.stages.pieces import make_adam
from ulmfit_keras.stages.pieces import make_early_stopping
from ulmfit_keras.stages.pieces import resuming_with
from ulmfit_keras.stages.pieces import set_dropout
from ulmfit_keras.stages.target_scale import TargetScale


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
    factor=None,
    adversarial_epsilon=None,
    class_weight=None,
    patience=None,
    callbacks=(),
    seed=0,
    verbose="auto",
):
    """Train a classifier on a fine-tuned language model (section 3.3).

    All weights are copied, so the language model stays as it is.

    Args:
        language_model: an `AWDLSTMCausalLM` with its preprocessor; or an
            `AWDLSTMTextClassifier`, to be trained on with new texts. It keeps
            its labels, its `max_length` and its `max_tokens`.
        texts: list of N str.
        labels: N labels: strings or integers; lists of them for
            `"multi_label"`; numbers for `"regression"`.
        validation_data: (texts, labels). Defaults to None: a stratified
            part of the training rows is held out.
        validation_fraction: how large a part. Defaults to 0.1. With 0 all
            rows are trained on and nothing is validated.
        problem_type: `"single_label"`, `"multi_label"` or `"regression"`. A
            regression learns targets of mean 0 and deviation 1. While it
            trains its outputs, losses and `standardized_error` are in these
            units, also to `callbacks` and in what they save; the classifier
            that is returned predicts in the units of the labels.
        epochs: over which the learning rate rises and falls. Defaults to
            10.
        settings: `"paper"`, `"fastai"` or `"small"`, see
            `ulmfit_keras.settings`. Defaults to `"paper"`; for the shipped
            small model take `"small"`.
        learning_rate: highest rate, in place of the setting's.
        batch_size: documents a step, at least 2, in place of the setting's.
        max_length: gradients flow through the last so many tokens of a
            document (BPT3C). Defaults to 1400, that is 20 windows of 70.
        max_tokens: documents are cut off after so many tokens, in training
            and in `predict`. Defaults to 4000.
        unfreezing: a plan of `GradualUnfreezing`, in place of the setting's.
        dropout_multiplier: scales all dropout rates of the encoder, in place
            of the setting's. Those of the head stay.
        factor: learning rate of a layer group over that of the next lower,
            in place of the setting's. With 1 all layers have one rate, which
            suits a model from random weights.
        adversarial_epsilon: train on perturbed word vectors, too: size of a
            perturbation over that of the document, such as 0.02, see
            `models.AdversarialTraining`. It takes the place of activation
            regularization, and twice the time. Defaults to None.
        class_weight: dict from label to weight, or `"balanced"`; for
            `"single_label"` only. Defaults to None.
        patience: epochs without a better validation loss before training
            stops, counted from the last stage of unfreezing; the best weights
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
        DataError: a `ValueError`, if no text has a word.
        ValueError: if texts and labels do not fit each other, a label occurs
            only in the validation data, a classifier that is trained on has
            another problem type, no labels, or does not know one of them,
            `settings` is unknown, a rate or `adversarial_epsilon` out of its
            range, there is a `patience` but nothing to validate on, there
            are class weights but no classes, or the model is quantized.
        DivergenceError: a `ValueError`, if training diverges.

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
        factor=factor,
        unfreezing=unfreezing,
    )
    check_class_weight(class_weight, problem_type)
    # Batch normalization takes the mean of a lone document away, and with it
    # all that it says.
    check_at_least(2, batch_size=batch_size, max_tokens=max_tokens)
    check_at_least(1, epochs=epochs)
    check_share("validation_fraction", validation_fraction)
    check_preprocessor(language_model)
    check_not_quantized(language_model.backbone, "train a classifier")
    if adversarial_epsilon is not None:
        check_epsilon("adversarial_epsilon", adversarial_epsilon)
    texts, labels = listed("texts", texts), list(labels)
    check_pairs(texts, labels)
    if validation_data is not None:
        validation_data = listed_pair(validation_data)
    # Before rows are held out, so that errors count them as the caller does.
    if isinstance(language_model, models.AWDLSTMTextClassifier):
        classifier = _copied_classifier(language_model, problem_type)
        names = classifier.labels
    else:
        classifier = None
        names = data.label_names(labels, problem_type)
    targets = data.encode_labels(labels, names, problem_type)
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
        targets = targets[train_rows]
    check_texts(language_model, texts, "train on", "give more")
    if validation_data is None and patience is not None:
        raise ValueError(
            "`patience` waits for a better validation loss: give "
            "`validation_data` or a `validation_fraction` above 0, or leave "
            f"`patience` out. Received: patience={patience} and "
            f"validation_fraction={validation_fraction}"
        )
    if classifier is None:
        classifier = models.AWDLSTMTextClassifier(
            _copied_backbone(language_model.backbone),
            num_classes=targets.shape[-1] if names is None else len(names),
            preprocessor=_copied_preprocessor(language_model, max_tokens),
            problem_type=problem_type,
            labels=names,
            max_length=max_length,
        )
    set_dropout(classifier.backbone, stage)
    scale = None
    if problem_type == "regression":
        check_width(targets, classifier.num_classes, "the training data")
        scale = TargetScale(targets)
        targets = scale.standardized(targets)
        if isinstance(language_model, models.AWDLSTMTextClassifier):
            scale.standardize(classifier)
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
        valid_texts, valid_labels = validation_data
        valid_targets = data.encode_labels(valid_labels, names, problem_type)
        if scale is not None:
            width = classifier.num_classes
            check_width(valid_targets, width, "the validation data")
            valid_targets = scale.standardized(valid_targets)
        valid = data.LengthBuckets(
            token_ids(valid_texts), valid_targets, batch_size=stage.batch_size
        )
    if adversarial_epsilon is None:
        trainer = classifier.logits_model(stage.alpha, stage.beta)
    else:
        trainer = models.AdversarialTraining(classifier, adversarial_epsilon)
    schedule = _triangles(stage, len(train), epochs)
    groups = classifier.layer_groups()
    loss, metric = _loss_and_metric(problem_type)
    trainer.compile(
        make_adam(stage, schedule, trainer, groups, verbose),
        loss=loss,
        weighted_metrics=[metric],
    )
    gradual_unfreezing = GradualUnfreezing(stage.unfreezing)
    plan = stage.unfreezing
    stages = PLANS[plan](len(groups)) if isinstance(plan, str) else plan
    early_stopping = make_early_stopping(patience, min(epochs, len(stages)) - 1)
    callbacks = resuming_with(early_stopping, train, callbacks)
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
    if scale is not None:
        scale.restore(classifier)
    return classifier


def _triangles(stage, steps_per_epoch, epochs):
    """The learning rate: one triangle, or one for each cycle of the stage."""
    cuts = stage.epoch_cut_fractions[:epochs]
    lengths = [steps_per_epoch] * len(cuts)
    left = epochs - len(cuts)
    if left or not cuts:
        cuts += (stage.cut_fraction,)
        lengths.append(left * steps_per_epoch)
    triangles = [
        SlantedTriangular(stage.learning_rate, length, cut, stage.ratio)
        for length, cut in zip(lengths, cuts, strict=True)
    ]
    if len(triangles) == 1:
        return triangles[0]
    return SequentialSchedule(triangles, itertools.accumulate(lengths[:-1]))


def _copied_backbone(backbone):
    copy = type(backbone).from_config(backbone.get_config())
    copy.set_weights(backbone.get_weights())
    return copy


def _copied_classifier(classifier, problem_type):
    if classifier.problem_type != problem_type:
        raise ValueError(
            "A classifier can be trained on for its own problem type only: "
            f"problem_type={classifier.problem_type!r}. "
            f"Received: problem_type={problem_type!r}"
        )
    if classifier.labels is None and problem_type != "regression":
        raise ValueError(
            "A classifier can be trained on if it knows the names of its "
            "classes: make it with labels=[…], a name for each class. "
            f"Received: a classifier of {classifier.num_classes} classes "
            "without labels"
        )
    copies = {
        "backbone": _copied_backbone(classifier.backbone),
        "preprocessor": _copied_preprocessor(
            classifier, classifier.preprocessor.sequence_length
        ),
    }
    copy = type(classifier)(**(classifier.get_config() | copies))
    copy.set_weights(classifier.get_weights())
    return copy


def _copied_preprocessor(model, max_tokens):
    return models.AWDLSTMTextClassifierPreprocessor(
        model.preprocessor.tokenizer.copy(), sequence_length=max_tokens
    )


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
            keras.metrics.MeanAbsoluteError("standardized_error"),
        )
    return (
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        keras.metrics.SparseCategoricalAccuracy("accuracy"),
    )
