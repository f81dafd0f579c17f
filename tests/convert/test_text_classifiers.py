"""Classifiers of fastai."""

import numpy as np
import pytest

from ulmfit_keras.convert import CheckpointError
from ulmfit_keras.convert import read_text_classifier

HEAD_DIM, CLASSES = 5, 3
PLACES = {1: ("0", "2", "4", "6"), 2: ("0.0", "0.2", "1.0", "1.2")}


@pytest.fixture
def head(formats):
    """The head's weights, the biases of its linear layers at the end."""
    random = np.random.default_rng(3)

    def norm(size):
        return {
            "weight": random.normal(1, 0.3, size),
            "bias": random.normal(0, 0.3, size),
            "running_mean": random.normal(0, 0.3, size),
            "running_var": random.uniform(0.1, 2, size),
            "num_batches_tracked": np.float64(7),
        }

    def linear(inputs, outputs):
        return {
            "weight": random.normal(0, 0.5, (outputs, inputs)),
            "bias": random.normal(0, 0.5, outputs),
        }

    size = 3 * formats.EMBEDDING_DIM
    return [
        norm(size),
        linear(size, HEAD_DIM),
        norm(HEAD_DIM),
        linear(HEAD_DIM, CLASSES),
    ]


@pytest.fixture
def weights(formats, head):
    """weights(version): the weights that fastai 1 or 2 would save."""

    def make(version):
        if version == 2:
            head[1].pop("bias", None)
            head[3].pop("bias", None)
        encoder = {
            f"0.module.{name[2:]}": array
            for name, array in formats.language_model_weights(2).items()
            if name.startswith("0.")
        }
        layers = {
            f"1.layers.{place}.{name}": np.asarray(array, np.float32)
            for place, layer in zip(PLACES[version], head, strict=True)
            for name, array in layer.items()
        }
        return {**encoder, **layers}

    return make


def reference_probabilities(formats, head, weights, ids):
    hidden = formats.reference_encoding(weights, ids, prefix="0.module.")
    x = np.concatenate(
        [hidden[:, -1], hidden.max(axis=1), hidden.mean(axis=1)], axis=1
    )
    for number, layer in enumerate(head):
        if "running_var" in layer:
            x = (x - layer["running_mean"]) / np.sqrt(
                layer["running_var"] + 1e-5
            )
            x = x * layer["weight"] + layer["bias"]
        else:
            x = x @ layer["weight"].T + layer.get("bias", 0)
            x = np.maximum(x, 0) if number == 1 else x
    x = np.exp(x - x.max(axis=1, keepdims=True))
    return x / x.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("version", [1, 2])
def test_probabilities_are_those_of_the_reference(
    tmp_path, formats, head, weights, version
):
    state = weights(version)
    path = formats.write_weights(tmp_path / "clas.pth", state)
    classifier = read_text_classifier(path)
    ids = np.random.default_rng(0).integers(0, len(formats.TOKENS), (4, 9))
    expected = reference_probabilities(formats, head, state, ids)
    assert np.ptp(expected) > 0.1 and np.ptp(expected, axis=0).max() > 0.01
    found = classifier.predict([row.tolist() for row in ids])
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_texts_and_labels(tmp_path, formats, weights, itos_path):
    path = formats.write_weights(tmp_path / "clas.pth", weights(2))
    classifier = read_text_classifier(
        path, itos_path, labels=["bad", "fair", "good"], backwards=True
    )
    assert classifier.labels == ["bad", "fair", "good"]
    assert classifier.backbone.backwards
    assert classifier.predict(["the film was good"]).shape == (1, CLASSES)
    with pytest.raises(ValueError, match="labels"):
        read_text_classifier(path, labels=["bad", "good"])


@pytest.mark.parametrize("problem_type", ["multi_label", "regression"])
def test_other_problems(tmp_path, formats, weights, problem_type):
    path = formats.write_weights(tmp_path / "clas.pth", weights(1))
    classifier = read_text_classifier(path, problem_type=problem_type)
    assert classifier.problem_type == problem_type


@pytest.mark.parametrize(
    "damage",
    [
        lambda weights: weights.pop("1.layers.0.0.running_var"),
        lambda weights: weights.pop("1.layers.0.2.weight"),
        lambda weights: weights.pop("1.layers.1.2.weight"),
        lambda weights: weights.update(
            {"1.layers.2.2.weight": np.ones((2, 3))}
        ),
        lambda weights: weights.update({"1.layers.0.0.bias": np.ones(3)}),
        lambda weights: weights.update({"1.layers.0.2.weight": np.ones(3)}),
        lambda weights: weights.update({"1.layers.0.2.bias": np.ones(3)}),
        lambda weights: weights.update({"1.layers.0.x.weight": np.ones(3)}),
        lambda weights: weights.update(
            {"1.layers.1.2.weight": np.ones((3, 4))}
        ),
        lambda weights: [weights.pop(n) for n in [*weights] if n[0] == "1"],
    ],
)
def test_other_heads_are_refused(tmp_path, formats, weights, damage):
    state = weights(2)
    damage(state)
    path = formats.write_weights(tmp_path / "clas.pth", state)
    with pytest.raises(CheckpointError, match="must have a head.*Received: "):
        read_text_classifier(path)
