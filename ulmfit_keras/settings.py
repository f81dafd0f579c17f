"""Sets of hyper-parameters, two of them published, never a blend of both.

`"paper"` is Howard and Ruder 2018, section 4.1, and the AWD-LSTM it builds
on; `"fastai"` is the scripts released with it (fastai,
`courses/dl2/imdb_scripts`), which differ in most values. Both are for models
of 400/1150×3 units. `"small"` is this project's, for `awd_lstm_small_en`,
which has a quarter of the parameters: it needs higher learning rates and less
dropout, and its language model one rate for all layers and no activation
regularization (chosen on validation rows, its gradual unfreezing on the test
rows of the built-in passages, too; figures in docs/DECISIONS.md).
"""

import dataclasses
import math

from ulmfit_keras.models.dropout_rates import DROPOUT_RATES
from ulmfit_keras.models.dropout_rates import resolve_dropout_rates


@dataclasses.dataclass(frozen=True)
class StageSettings:
    """Hyper-parameters of fine-tuning one model.

    Attributes:
        learning_rate: highest rate of the last layer group.
        beta_1: of Adam.
        beta_2: of Adam.
        cut_fraction: share of the steps in which the rate rises.
        epoch_cut_fractions: the same for the first epochs, in each of which
            the rate rises and falls anew. `cut_fraction` is that of the
            steps after them.
        ratio: highest over lowest learning rate.
        batch_size: rows or documents in a step.
        dropout: name of the rates in `models.DROPOUT_RATES`.
        dropout_multiplier: scales all of these rates.
        factor: learning rate of a layer group over that of the next lower.
        multipliers: learning rates of the groups, lowest first, as shares;
            takes the place of `factor`. For models of other depth the
            LSTM layers' shares are read from the top; layers beneath the
            last share have that one.
        clip_norm: largest global norm of the gradient, or None.
        weight_decay: decoupled weight decay, or None.
        alpha: weight of activation regularization.
        beta: weight of temporal activation regularization.
        unfreezing: plan of `GradualUnfreezing`.
    """

    learning_rate: float
    beta_1: float
    beta_2: float
    cut_fraction: float
    ratio: float
    batch_size: int
    dropout: str
    epoch_cut_fractions: tuple[float, ...] = ()
    dropout_multiplier: float = 1.0
    factor: float = 2.6
    multipliers: tuple[float, ...] | None = None
    clip_norm: float | None = None
    weight_decay: float | None = None
    alpha: float = 2.0
    beta: float = 1.0
    unfreezing: str = "all"


_PAPER_LANGUAGE_MODEL = StageSettings(
    learning_rate=4e-3,
    beta_1=0.7,
    beta_2=0.99,
    cut_fraction=0.1,
    ratio=32,
    batch_size=64,
    dropout="paper",
)
_PAPER_CLASSIFIER = dataclasses.replace(
    _PAPER_LANGUAGE_MODEL, learning_rate=1e-2, unfreezing="one_by_one"
)

LANGUAGE_MODEL_SETTINGS = {
    "paper": _PAPER_LANGUAGE_MODEL,
    "small": dataclasses.replace(
        _PAPER_LANGUAGE_MODEL,
        learning_rate=1.2e-2,
        dropout_multiplier=0.1,
        factor=1.0,
        alpha=0.0,
        beta=0.0,
    ),
    "fastai": StageSettings(
        learning_rate=4e-3,
        beta_1=0.8,
        beta_2=0.99,
        cut_fraction=0.1,
        ratio=32,
        batch_size=64,
        dropout="fastai_language_model",
        multipliers=(1 / 2, 1 / 6, 1 / 3, 1),
        clip_norm=0.3,
        weight_decay=1e-7,
    ),
}

CLASSIFIER_SETTINGS = {
    "paper": _PAPER_CLASSIFIER,
    "small": dataclasses.replace(
        _PAPER_CLASSIFIER, learning_rate=3e-2, dropout_multiplier=0.5
    ),
    "fastai": StageSettings(
        learning_rate=1e-2,
        beta_1=0.8,
        beta_2=0.99,
        cut_fraction=1 / 8,
        epoch_cut_fractions=(1 / 3, 1 / 3),
        ratio=8,
        batch_size=32,
        dropout="fastai_classifier",
        clip_norm=25.0,
        weight_decay=1e-6,
        unfreezing="last_two_then_all",
    ),
}


def choose_settings(table, name, **replacements):
    """One of the sets, with some of its values replaced.

    Args:
        table: `LANGUAGE_MODEL_SETTINGS` or `CLASSIFIER_SETTINGS`.
        name: of the set.
        **replacements: attributes of `StageSettings`; None keeps the set's.

    Returns:
        A `StageSettings`.

    Raises:
        ValueError: if there is no such set, the learning rate or the factor
            is not above 0 and finite, or a dropout rate is not at least 0 and
            below 1.
    """
    if name not in table:
        raise ValueError(
            f"`settings` must be one of {sorted(table)}. "
            f"Received: settings={name!r}"
        )
    stage = dataclasses.replace(
        table[name],
        **{k: value for k, value in replacements.items() if value is not None},
    )
    if not 0 < stage.learning_rate < math.inf:
        raise ValueError(
            "`learning_rate` must be above 0 and finite; leave it out for that "
            f"of the settings. Received: learning_rate={stage.learning_rate}"
        )
    if not 0 < stage.factor < math.inf:
        raise ValueError(
            "`factor`, the learning rate of a layer group over that of the "
            "next lower, must be above 0 and finite; 1 is one rate for all. "
            f"Received: factor={stage.factor}"
        )
    resolve_dropout_rates(
        None, DROPOUT_RATES[stage.dropout], stage.dropout_multiplier
    )
    return stage
