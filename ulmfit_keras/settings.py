"""The two published sets of hyper-parameters, never a blend of both.

`"paper"` is Howard and Ruder 2018, section 4.1, and the AWD-LSTM it builds
on; `"fastai"` is the scripts released with it (fastai,
`courses/dl2/imdb_scripts`), which differ in most values.
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class StageSettings:
    """Hyper-parameters of fine-tuning one model.

    Attributes:
        learning_rate: highest rate of the last layer group.
        beta_1: of Adam.
        beta_2: of Adam.
        cut_fraction: share of the steps in which the rate rises.
        ratio: highest over lowest learning rate.
        batch_size: rows or documents in a step.
        dropout: name of the rates in `models.DROPOUT_RATES`.
        factor: learning rate of a layer group over that of the next lower.
        multipliers: learning rates of the groups, lowest first, as shares;
            takes the place of `factor`. For models of other depth the
            LSTM layers' shares are read from the top.
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
    factor: float = 2.6
    multipliers: tuple[float, ...] | None = None
    clip_norm: float | None = None
    weight_decay: float | None = None
    alpha: float = 2.0
    beta: float = 1.0
    unfreezing: str = "all"


LANGUAGE_MODEL_SETTINGS = {
    "paper": StageSettings(
        learning_rate=4e-3,
        beta_1=0.7,
        beta_2=0.99,
        cut_fraction=0.1,
        ratio=32,
        batch_size=64,
        dropout="paper",
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
    "paper": StageSettings(
        learning_rate=1e-2,
        beta_1=0.7,
        beta_2=0.99,
        cut_fraction=0.1,
        ratio=32,
        batch_size=64,
        dropout="paper",
        unfreezing="one_by_one",
    ),
    "fastai": StageSettings(
        learning_rate=1e-2,
        beta_1=0.8,
        beta_2=0.99,
        cut_fraction=1 / 3,
        ratio=8,
        batch_size=32,
        dropout="fastai_classifier",
        clip_norm=25.0,
        weight_decay=1e-6,
        unfreezing="last_two_then_all",
    ),
}
