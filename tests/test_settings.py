"""The named settings, figure by figure, and that both stages train by them."""

import dataclasses

import keras
import pytest
from keras import ops

import ulmfit_keras as ulmfit
from ulmfit_keras import models
from ulmfit_keras import settings
from ulmfit_keras import text
from ulmfit_keras.layers import ActivationRegularization
from ulmfit_keras.optimizers import DiscriminativeOptimizer
from ulmfit_keras.optimizers import FusedAdam
from ulmfit_keras.optimizers.keras_hooks import learning_rate_source
from ulmfit_keras.schedules import LengthScaled
from ulmfit_keras.schedules import SlantedTriangular

# Howard & Ruder 2018, section 4.1; alpha and beta are those of Merity et al.
# 2017, section 5.
PAPER = {
    "learning_rate": 0.004,
    "beta_1": 0.7,
    "beta_2": 0.99,
    "cut_fraction": 0.1,
    "epoch_cut_fractions": (),
    "ratio": 32,
    "batch_size": 64,
    "dropout": "paper",
    "dropout_multiplier": 1.0,
    "factor": 2.6,
    "multipliers": None,
    "clip_norm": None,
    "weight_decay": None,
    "alpha": 2.0,
    "beta": 1.0,
    "unfreezing": "all",
}
PAPER_CLASSIFIER = {**PAPER, "learning_rate": 0.01, "unfreezing": "one_by_one"}
# The scripts released with the paper: fastai, `courses/dl2/imdb_scripts`,
# `finetune_lm.py` and `train_clas.py`.
FASTAI = {
    **PAPER,
    "beta_1": 0.8,
    "dropout": "fastai_language_model",
    # Embedding and decoder, then the LSTMs from the lowest to the highest.
    "multipliers": (1 / 2, 1 / 6, 1 / 3, 1),
    "clip_norm": 0.3,
    "weight_decay": 1e-7,
}
FASTAI_CLASSIFIER = {
    **PAPER,
    "learning_rate": 0.01,
    "beta_1": 0.8,
    "cut_fraction": 1 / 8,
    "epoch_cut_fractions": (1 / 3, 1 / 3),
    "ratio": 8,
    "batch_size": 32,
    "dropout": "fastai_classifier",
    "clip_norm": 25.0,
    "weight_decay": 1e-6,
    "unfreezing": "last_two_then_all",
}
# This project's own, see docs/DECISIONS.md.
SMALL = {
    **PAPER,
    "learning_rate": 0.012,
    "dropout_multiplier": 0.1,
    "factor": 1.0,
    "alpha": 0.0,
    "beta": 0.0,
}
SMALL_CLASSIFIER = {
    **PAPER_CLASSIFIER,
    "learning_rate": 0.03,
    "dropout_multiplier": 0.5,
}

NAMES = ["paper", "fastai", "small"]
LANGUAGE_MODEL = dict(zip(NAMES, [PAPER, FASTAI, SMALL], strict=True))
CLASSIFIER = dict(
    zip(
        NAMES,
        [PAPER_CLASSIFIER, FASTAI_CLASSIFIER, SMALL_CLASSIFIER],
        strict=True,
    )
)
TEXTS = ["good film " * 500, "bad film " * 500] * 6
LABELS = ["pos", "neg"] * 6


def make_language_model(num_layers=3):
    tokenizer = text.WordTokenizer(
        [*text.SPECIAL_TOKENS, "good", "bad", "film"]
    )
    return models.AWDLSTMCausalLM(
        models.AWDLSTMBackbone(tokenizer.vocabulary_size(), 6, 8, num_layers),
        models.AWDLSTMCausalLMPreprocessor(tokenizer),
    )


@pytest.fixture
def fits(monkeypatch):
    """What is handed to Keras' `fit`, which does not run: [(model, data)]."""
    calls = []

    def fit(model, x, **kwargs):
        calls.append((model, x))
        history = keras.callbacks.History()
        history.history = {"loss": [1.0], "val_loss": [1.0]}
        return history

    monkeypatch.setattr(keras.Model, "fit", fit)
    return calls


def check_optimizer(optimizer, expected):
    """Compares all but the schedule, which is returned."""
    assert isinstance(optimizer, DiscriminativeOptimizer)
    inner = optimizer.inner_optimizer
    decay = expected["weight_decay"]
    assert isinstance(inner, FusedAdam)
    assert inner.weight_decay == decay
    assert inner.beta_1 == expected["beta_1"]
    assert inner.beta_2 == expected["beta_2"]
    assert inner.global_clipnorm == expected["clip_norm"]
    assert inner.clipnorm is None and inner.clipvalue is None
    return learning_rate_source(inner)


def check_triangle(schedule, expected, total_steps):
    assert type(schedule) is SlantedTriangular
    assert schedule.get_config() == {
        "peak": expected["learning_rate"],
        "total_steps": total_steps,
        "cut_fraction": expected["cut_fraction"],
        "ratio": expected["ratio"],
    }


def check_regularization(trainer, expected):
    found = [
        (layer.alpha, layer.beta)
        for layer in trainer.layers
        if isinstance(layer, ActivationRegularization)
    ]
    weights = (expected["alpha"], expected["beta"])
    assert found == [weights] or (not found and weights == (0, 0))


@pytest.mark.parametrize(
    "found, expected",
    [
        (settings.LANGUAGE_MODEL_SETTINGS, LANGUAGE_MODEL),
        (settings.CLASSIFIER_SETTINGS, CLASSIFIER),
    ],
    ids=["language_model", "classifier"],
)
def test_figures(found, expected):
    assert {
        name: dataclasses.asdict(stage) for name, stage in found.items()
    } == expected


def test_dropout_rates():
    # Output, hidden, input, embedding and weights: the paper, section 4.1,
    # and `finetune_lm.py`; `train_clas.py` has the rates of the paper, but
    # its encoder does not drop the outputs of its last LSTM.
    names = [
        "output_dropout",
        "hidden_dropout",
        "input_dropout",
        "embedding_dropout",
        "weight_drop",
    ]
    paper = dict(zip(names, [0.4, 0.3, 0.4, 0.05, 0.5], strict=True))
    assert models.DROPOUT_RATES == {
        "paper": paper,
        "fastai_language_model": dict(
            zip(names, [0.1, 0.15, 0.25, 0.02, 0.2], strict=True)
        ),
        "fastai_classifier": {**paper, "output_dropout": 0.0},
    }


@pytest.mark.parametrize("name", NAMES)
def test_language_model_trains_by_them(name, fits):
    expected = LANGUAGE_MODEL[name]
    language_model = make_language_model()
    ulmfit.finetune_language_model(
        language_model, TEXTS, settings=name, epochs=2, verbose=0
    )
    ((trainer, stream),) = fits
    schedule = check_optimizer(trainer.optimizer, expected)
    assert type(schedule) is LengthScaled
    assert schedule.lengths == list(stream.lengths)
    assert schedule.base_length == 70
    check_triangle(schedule.base, expected, stream.steps)
    assert trainer.optimizer.groups.names[0] == "embedding"
    assert trainer.optimizer.groups.multipliers == pytest.approx(
        expected["multipliers"]
        or [expected["factor"] ** k for k in (-3, -2, -1, 0)]
    )
    assert trainer.batch_size == expected["batch_size"]
    check_regularization(trainer, expected)
    published = models.DROPOUT_RATES[expected["dropout"]]
    assert language_model.backbone.dropout_rates == pytest.approx(
        {k: v * expected["dropout_multiplier"] for k, v in published.items()}
    )


def test_windows_of_one_length_keep_the_plain_schedule(fits):
    ulmfit.finetune_language_model(
        make_language_model(), TEXTS, random_length=False, epochs=2, verbose=0
    )
    ((trainer, stream),) = fits
    schedule = check_optimizer(trainer.optimizer, PAPER)
    check_triangle(schedule, PAPER, stream.steps)


@pytest.mark.parametrize("name", NAMES)
def test_classifier_trains_by_them(name, fits):
    expected = CLASSIFIER[name]
    classifier = ulmfit.train_classifier(
        make_language_model(), TEXTS, LABELS, settings=name, verbose=0
    )
    ((trainer, batches),) = fits
    schedule = check_optimizer(trainer.optimizer, expected)
    if name == "fastai":
        *first, last = schedule.schedules
        for triangle in first:
            check_triangle(
                triangle, {**expected, "cut_fraction": 1 / 3}, len(batches)
            )
        check_triangle(last, expected, 8 * len(batches))
        assert schedule.milestones == [len(batches), 2 * len(batches)]
    else:
        check_triangle(schedule, expected, 10 * len(batches))
    assert trainer.optimizer.groups.names[-1] == "head"
    assert trainer.optimizer.groups.multipliers == pytest.approx(
        [expected["factor"] ** k for k in (-4, -3, -2, -1, 0)]
    )
    assert batches.batch_size == expected["batch_size"]
    check_regularization(trainer, expected)
    published = models.DROPOUT_RATES[expected["dropout"]]
    assert classifier.backbone.dropout_rates == pytest.approx(
        {k: v * expected["dropout_multiplier"] for k, v in published.items()}
    )


@pytest.mark.parametrize("factor", [1, 4])
def test_another_factor_between_layers(factor, fits):
    ulmfit.train_classifier(
        make_language_model(), TEXTS, LABELS, factor=factor, verbose=0
    )
    ((trainer, _),) = fits
    assert trainer.optimizer.groups.multipliers == pytest.approx(
        [factor**k for k in (-4.0, -3.0, -2.0, -1.0, 0.0)]
    )
    with pytest.raises(ValueError, match="`factor`.*above 0.*factor=0"):
        ulmfit.train_classifier(
            make_language_model(), TEXTS, LABELS, factor=0, verbose=0
        )


@pytest.mark.parametrize(
    "epochs, lengths", [(1, [1]), (2, [1, 1]), (3, [1, 1, 1]), (5, [1, 1, 3])]
)
def test_rates_restart_in_the_first_epochs_of_fastai(epochs, lengths, fits):
    ulmfit.train_classifier(
        make_language_model(1),
        TEXTS,
        LABELS,
        epochs=epochs,
        settings="fastai",
        verbose=0,
    )
    ((trainer, batches),) = fits
    schedule = check_optimizer(trainer.optimizer, FASTAI_CLASSIFIER)
    triangles = getattr(schedule, "schedules", [schedule])
    steps = [triangle.total_steps for triangle in triangles]
    assert steps == [length * len(batches) for length in lengths]
    cuts = [triangle.cut_fraction for triangle in triangles]
    assert cuts == [1 / 3, 1 / 3, 1 / 8][:epochs]


@pytest.mark.parametrize("epochs", [0, -1])
@pytest.mark.parametrize("name", NAMES)
def test_no_epochs_are_an_error_that_names_them(name, epochs, fits):
    with pytest.raises(
        ValueError, match="`epochs` must be at least 1. Received: epochs="
    ):
        ulmfit.train_classifier(
            make_language_model(1),
            TEXTS,
            LABELS,
            epochs=epochs,
            settings=name,
            verbose=0,
        )


@pytest.mark.parametrize(
    "num_layers, expected",
    [
        (1, [1 / 2, 1]),
        (2, [1 / 2, 1 / 3, 1]),
        (4, [1 / 2, 1 / 6, 1 / 6, 1 / 3, 1]),
        (6, [1 / 2, 1 / 6, 1 / 6, 1 / 6, 1 / 6, 1 / 3, 1]),
    ],
)
def test_shares_of_the_rate_are_read_from_the_top(num_layers, expected, fits):
    ulmfit.finetune_language_model(
        make_language_model(num_layers), TEXTS, settings="fastai", verbose=0
    )
    assert fits[0][0].optimizer.groups.multipliers == expected


def train_language_model(language_model):
    ulmfit.finetune_language_model(language_model, TEXTS, bptt=10, verbose=0)


def train_classifier(language_model):
    texts = ["good film", "bad film"] * 6
    ulmfit.train_classifier(language_model, texts, LABELS, verbose=0)


@pytest.mark.parametrize("train", [train_language_model, train_classifier])
def test_activations_count_in_the_loss(train, fits):
    language_model = make_language_model(1)
    # Large activations, since the starting values give small ones.
    language_model.backbone.set_weights(
        [10 * w for w in language_model.backbone.get_weights()]
    )
    train(language_model)
    ((trainer, batches),) = fits
    (layer,) = (
        layer
        for layer in trainer.layers
        if isinstance(layer, ActivationRegularization)
    )
    for layer.alpha, layer.beta in ((2, 2), (2, 0), (0, 2), (0, 0)):
        trainer(batches[0][0], training=True)
        found = [float(ops.convert_to_numpy(loss)) for loss in trainer.losses]
        assert len(found) == (layer.alpha > 0) + (layer.beta > 0)
        assert all(loss > 0.001 for loss in found)


@pytest.mark.parametrize("verbose", [0, 1])
def test_groups_are_printed_unless_silent(verbose, fits, capsys):
    language_model = make_language_model(1)
    ulmfit.finetune_language_model(language_model, TEXTS, verbose=verbose)
    ulmfit.train_classifier(language_model, TEXTS, LABELS, verbose=verbose)
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    found = [line for line in lines if line[-1:] == ["no"]]
    embedding = language_model.backbone.vocabulary_size * 6
    assert [line[:2] for line in found] == verbose * [
        ["embedding", "0.384615"],
        ["lstm_0", "1"],
        ["embedding", "0.147929"],
        ["lstm_0", "0.384615"],
        ["head", "1"],
    ]
    assert [line[2] for line in found if line[0] == "embedding"] == (
        2 * verbose * [str(embedding)]
    )
