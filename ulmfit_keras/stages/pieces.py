"""What both stages compile and fit with."""

import keras

from ulmfit_keras.callbacks import ResumableTraining
from ulmfit_keras.callbacks.callback_list import callback_list
from ulmfit_keras.optimizers import DiscriminativeOptimizer
from ulmfit_keras.optimizers import FusedAdam


def make_adam(stage, schedule, trainer, groups, verbose):
    """The optimizer of a stage; tells its groups if `verbose`."""
    multipliers = stage.multipliers
    if multipliers is not None:
        embedding, *lstms = multipliers
        layers = len(groups) - 1
        lower = [lstms[0]] * (layers - len(lstms))
        multipliers = (embedding, *lower, *lstms[-layers:])
    optimizer = DiscriminativeOptimizer(
        FusedAdam(
            schedule,
            beta_1=stage.beta_1,
            beta_2=stage.beta_2,
            global_clipnorm=stage.clip_norm,
            weight_decay=stage.weight_decay,
        ),
        groups,
        factor=stage.factor,
        multipliers=multipliers,
    )
    # TensorFlow would trace the step twice if the first trace made variables.
    optimizer.build(trainer.trainable_variables)
    if verbose:
        print(optimizer.group_table())
    return optimizer


def make_early_stopping(patience, start_from_epoch=0):
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


def resuming_with(own, train, callbacks):
    """The callbacks of a user, of which one may resume a run broken off.

    Args:
        own: callbacks of the stage, whose state is then resumed, too.
        train: dataset whose order then follows from the epoch, or None.
        callbacks: as in `fit`.

    Returns:
        A list of callbacks.
    """
    callbacks = callback_list(callbacks)
    for callback in callbacks:
        if isinstance(callback, ResumableTraining):
            callback.also_keep(own, train)
    return callbacks


def set_dropout(backbone, stage):
    """Give a backbone the dropout rates of a stage."""
    backbone.set_dropout(stage.dropout, multiplier=stage.dropout_multiplier)
