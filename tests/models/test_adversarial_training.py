"""Training on moved word vectors, against passes and gradients made by hand."""

import keras
import numpy as np
import pytest
from keras import ops

from ulmfit_keras.callbacks import GradualUnfreezing
from ulmfit_keras.models import AdversarialTraining
from ulmfit_keras.optimizers import DiscriminativeOptimizer
from ulmfit_keras.optimizers import FusedAdam

to_numpy = ops.convert_to_numpy
TARGETS = np.array([0, 1, 2, 1, 0, 2, 1], "int32")


@pytest.fixture
def make_trainer(make_classifier):
    """A trainer that drops nothing, so that its passes can be repeated."""

    def make(epsilon=0.02, optimizer=None, **kwargs):
        classifier = make_classifier(
            pooling_dropout=0.0, head_dropout=0.0, **kwargs
        )
        rates = dict.fromkeys(classifier.backbone.dropout_rates, 0.0)
        classifier.backbone.set_dropout(rates)
        trainer = AdversarialTraining(classifier, epsilon)
        trainer.compile(
            DiscriminativeOptimizer(
                optimizer or keras.optimizers.SGD(0.01),
                classifier.layer_groups(),
            ),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            weighted_metrics=["accuracy"],
        )
        return trainer

    return make


def _batch(trainer, texts):
    inputs = trainer.classifier.preprocessor(texts)
    return {name: to_numpy(value) for name, value in inputs.items()}


def _loss(trainer, inputs, move):
    """The loss of a training pass, and the probabilities, in NumPy."""
    kept = [to_numpy(v) for v in trainer.non_trainable_variables]
    logits = trainer(inputs, ops.cast(move, "float32"), training=True)
    logits = to_numpy(logits).astype("float64")
    for variable, value in zip(
        trainer.non_trainable_variables, kept, strict=True
    ):
        variable.assign(value)
    p = np.exp(logits - logits.max(-1, keepdims=True))
    p /= p.sum(-1, keepdims=True)
    return -np.log(p[np.arange(len(p)), TARGETS[: len(p)]]).mean(), p


def _gradient(trainer, inputs):
    """Of the loss for all word vectors, by central differences."""
    shape = (*inputs["token_ids"].shape, trainer.classifier.backbone.units[-1])
    gradient, step = np.zeros(shape), 3e-3
    for place in np.argwhere(inputs["padding_mask"]):
        for feature in range(shape[-1]):
            move = np.zeros(shape)
            move[(*place, feature)] = step
            up, down = (_loss(trainer, inputs, s * move)[0] for s in (1, -1))
            gradient[(*place, feature)] = (up - down) / (2 * step)
    return gradient


def _move(trainer, inputs):
    """The move by the gradient above and the formula of the paper."""
    gradient = _gradient(trainer, inputs)
    embeddings = to_numpy(
        trainer.classifier.backbone.token_embedding.embeddings
    )
    vectors = embeddings[inputs["token_ids"]]
    vectors = vectors * inputs["padding_mask"][..., None]
    norms = [
        np.linalg.norm(x.reshape(len(x), -1), axis=1)
        for x in (vectors, gradient)
    ]
    size = trainer.epsilon * norms[0] / norms[1]
    return gradient * size[:, None, None]


@pytest.mark.parametrize("backwards", [False, True])
def test_a_step_follows_both_losses(make_trainer, backwards):
    # Small, or the loss may fall again behind the first rise.
    trainer = make_trainer(
        0.005, keras.optimizers.SGD(1.0), backwards=backwards
    )
    inputs = _batch(trainer, ["it was good", "bad !", "a film", ""])
    targets = TARGETS[:4]
    move = _move(trainer, inputs)
    plain, p = _loss(trainer, inputs, np.zeros_like(move))
    moved, p_moved = _loss(trainer, inputs, move)
    assert moved > plain + 1e-3
    bias = trainer.classifier.head[-1].bias
    before = to_numpy(bias)
    wanted = np.eye(3)[targets]
    gradient = (p - wanted).mean(0) + (p_moved - wanted).mean(0)
    logs = trainer.train_on_batch(inputs, targets, return_dict=True)
    assert np.abs((p_moved - p).mean(0)).max() > 1e-3
    np.testing.assert_allclose(to_numpy(bias), before - gradient, atol=1e-4)
    assert logs["loss"] == pytest.approx(plain, abs=1e-5)
    accuracy = np.mean(p.argmax(1) == targets)
    assert logs["accuracy"] == pytest.approx(accuracy)


def test_moves_have_the_size_asked_for(make_trainer, texts):
    trainer = make_trainer(epsilon=0.3)
    inputs = _batch(trainer, texts)
    gradient = np.random.default_rng(0).normal(size=(7, 1, 6))
    # So small that its squares are 0 in float32, and none at all.
    scale = np.array([1.0, 1e-30, 1e-6, 0.0, 1e6, 1e30, 1.0])
    gradient = gradient * scale[:, None, None]
    gradient = gradient * inputs["padding_mask"][..., None]
    move = to_numpy(
        trainer.perturbation(inputs, ops.array(gradient, "float32"))
    )
    embeddings = to_numpy(
        trainer.classifier.backbone.token_embedding.embeddings
    )
    for row in range(7):
        ids = inputs["token_ids"][row][inputs["padding_mask"][row] > 0]
        wanted = 0.3 * np.linalg.norm(embeddings[ids]) * (scale[row] > 0)
        assert np.linalg.norm(move[row]) == pytest.approx(wanted, rel=1e-4)
        assert not move[row][inputs["padding_mask"][row] == 0].any()


def test_an_overflow_moves_nothing(make_trainer, texts):
    trainer = make_trainer()
    inputs = _batch(trainer, texts)
    shape = (*inputs["token_ids"].shape, 6)
    for value in (np.inf, -np.inf, np.nan):
        move = trainer.perturbation(inputs, ops.full(shape, value))
        assert not to_numpy(move).any()


def test_only_what_the_gradient_reaches_moves(make_classifier):
    classifier = make_classifier(max_length=4)
    inputs = classifier.preprocessor(["good film , it was very good"])
    ids, mask = (inputs[k][:, :8] for k in ("token_ids", "padding_mask"))
    beginning = np.zeros((1, 8, 6), "float32")
    beginning[:, :4] = 1
    still, *moved = (
        to_numpy(classifier.document_encoder(ids, mask, perturbation=move)[0])
        for move in map(ops.array, (0 * beginning, beginning, 1 - beginning))
    )
    np.testing.assert_array_equal(moved[0], still)
    np.testing.assert_array_equal(moved[1][:, :4], still[:, :4])
    assert np.abs(moved[1] - still)[:, 4:].max(-1).min() > 1e-3


def test_steps_are_plain_while_layers_are_frozen(make_trainer, texts):
    trainers = [make_trainer(epsilon) for epsilon in (1e-6, 0.5)]
    losses = []
    for trainer in trainers:
        inputs = _batch(trainer, texts)
        history = trainer.fit(
            inputs,
            TARGETS,
            epochs=4,
            shuffle=False,
            validation_data=(inputs, TARGETS),
            callbacks=[GradualUnfreezing("one_by_one")],
            verbose=0,
        )
        losses.append(history.history["val_loss"])
    # The embedding is the fourth and last layer group to be thawed.
    np.testing.assert_array_equal(losses[0][:3], losses[1][:3])
    assert losses[0][3] != losses[1][3]


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_half_precision_learns(make_trainer, texts, policy):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        trainer = make_trainer(0.02, FusedAdam(0.01))
    finally:
        keras.config.set_dtype_policy(before)
    inputs = _batch(trainer, texts)
    losses = [trainer.train_on_batch(inputs, TARGETS)[0] for _ in range(30)]
    assert np.isfinite(losses).all()
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize("epsilon", [0, -0.02, float("nan")])
def test_a_size_that_is_none_is_refused(classifier, epsilon):
    with pytest.raises(ValueError, match="Received: epsilon="):
        AdversarialTraining(classifier, epsilon)


def test_it_is_saved_with_the_classifier(make_trainer, texts, tmp_path):
    trainer = make_trainer()
    inputs = _batch(trainer, texts)
    expected = keras.ops.convert_to_numpy(trainer(inputs))
    trainer.save(tmp_path / "trainer.keras")
    loaded = keras.models.load_model(tmp_path / "trainer.keras")
    assert loaded.epsilon == trainer.epsilon
    found = keras.ops.convert_to_numpy(loaded(inputs))
    np.testing.assert_array_equal(found, expected)
