"""The published sets of AWD-LSTM dropout rates."""

# "paper": Howard & Ruder 2018, section 4.1, for language model and classifier.
# "fastai_language_model", "fastai_classifier": the code released with the
# paper (fastai, `courses/dl2/imdb_scripts`) and fastai 2
# (`text/models/awdlstm.py`); its classifier rates are those of the paper, but
# what leaves the last LSTM is dropped once only, when it has been pooled.
_PAPER = {
    "output_dropout": 0.4,
    "hidden_dropout": 0.3,
    "input_dropout": 0.4,
    "embedding_dropout": 0.05,
    "weight_drop": 0.5,
}
DROPOUT_RATES = {
    "paper": _PAPER,
    "fastai_language_model": {
        "output_dropout": 0.1,
        "hidden_dropout": 0.15,
        "input_dropout": 0.25,
        "embedding_dropout": 0.02,
        "weight_drop": 0.2,
    },
    "fastai_classifier": {**_PAPER, "output_dropout": 0.0},
}


def resolve_dropout_rates(rates, current, multiplier=1.0):
    """The five dropout rates that a name, some rates or None stand for.

    Args:
        rates: a name in `DROPOUT_RATES`, a dict from some of the names of the
            five rates to numbers, or None for the current ones.
        current: dict with all five rates.
        multiplier: a number by which the chosen rates are multiplied.
            Defaults to 1.

    Returns:
        A dict with all five rates; those not named in `rates` are as before.

    Raises:
        ValueError: for an unknown name, or a rate outside [0, 1).
    """
    if isinstance(rates, str):
        if rates not in DROPOUT_RATES:
            raise ValueError(
                "`rates` must be one of the named sets "
                f"{sorted(DROPOUT_RATES)}, or a dict. Received: rates={rates!r}"
            )
        rates = DROPOUT_RATES[rates]
    chosen = dict(current if rates is None else rates)
    if not chosen.keys() <= current.keys():
        raise ValueError(
            f"The dropout rates are {sorted(current)}. "
            f"Received: {sorted(chosen)}"
        )
    scaled = {name: rate * multiplier for name, rate in chosen.items()}
    for name, rate in scaled.items():
        if not 0 <= rate < 1:
            raise ValueError(
                f"`{name}` must be at least 0 and below 1. "
                f"Received: {name}={chosen[name]}, multiplier={multiplier}"
            )
    return {**current, **scaled}
