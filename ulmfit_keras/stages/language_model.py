"""Stage two: fine-tune a language model on the target's text."""

import keras
import numpy as np

from ulmfit_keras import data
from ulmfit_keras import models
from ulmfit_keras.callbacks import LearningRateLogger
from ulmfit_keras.layers.sizes import check_at_least
from ulmfit_keras.models.quantization import check_not_quantized
from ulmfit_keras.schedules import LengthScaled
from ulmfit_keras.schedules import SlantedTriangular
from ulmfit_keras.settings import LANGUAGE_MODEL_SETTINGS
from ulmfit_keras.settings import choose_settings
from ulmfit_keras.stages.checks import DivergenceError
from ulmfit_keras.stages.checks import check_finite
from ulmfit_keras.stages.checks import check_preprocessor
from ulmfit_keras.stages.checks import check_share
from ulmfit_keras.stages.checks import check_texts
from ulmfit_keras.stages.checks import listed
from ulmfit_keras.stages.pieces import make_adam
from ulmfit_keras.stages.pieces import make_early_stopping
from ulmfit_keras.stages.pieces import resuming_with
from ulmfit_keras.stages.pieces import set_dropout


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
        ValueError: if there is no text to hold out, no word to train or to
            validate on, one text in place of a list, `settings` is unknown, a
            rate out of its range, or the language model is quantized.
        DivergenceError: a `ValueError`, if training diverges; the weights
            are then those from before it.

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
    check_at_least(1, epochs=epochs, batch_size=batch_size, bptt=bptt)
    check_at_least(1, num_sampled=num_sampled)
    check_share("validation_fraction", validation_fraction)
    check_preprocessor(language_model)
    check_not_quantized(language_model.backbone, "be fine-tuned")
    train_texts, valid_texts = _texts_split(
        listed("texts", texts), validation_texts, validation_fraction, seed
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
    set_dropout(language_model.backbone, stage)
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
    trainer.compile(make_adam(stage, schedule, trainer, groups, verbose))
    valid = None
    if valid_texts:
        valid_ids = language_model.token_ids(valid_texts)
        valid = data.TokenStream(valid_ids, rows, bptt)
    early_stopping = make_early_stopping(None if valid is None else patience)
    callbacks = resuming_with(early_stopping, None, callbacks)
    before = language_model.get_weights()
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
    try:
        check_finite(history, early_stopping, stage.learning_rate)
    except DivergenceError:
        language_model.set_weights(before)  # to be tried again with
        raise
    history.vocabulary_transfer = transfer
    return history


def _texts_split(texts, validation_texts, validation_fraction, seed):
    if validation_texts is not None:
        return texts, listed("validation_texts", validation_texts)
    if validation_fraction == 0:
        return texts, []
    if len(texts) < 2:
        raise data.DataError(
            "Fine-tuning needs at least two texts, one of them to validate "
            "on, or a validation fraction of 0. "
            f"Received: {len(texts)} texts"
        )
    order = np.random.default_rng(seed).permutation(len(texts))
    held_out = max(1, round(validation_fraction * len(texts)))
    return (
        [texts[i] for i in order[held_out:]],
        [texts[i] for i in order[:held_out]],
    )
