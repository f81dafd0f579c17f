"""The whole method on models that know nothing of it."""

import keras
import numpy as np
import pytest
from keras import ops

from ulmfit_keras.callbacks import GradualUnfreezing
from ulmfit_keras.optimizers import DiscriminativeOptimizer
from ulmfit_keras.optimizers import layer_groups
from ulmfit_keras.schedules import SlantedTriangular

EPOCHS = 10
BATCHES = 2


def finetune(model, groups, x, y):
    """Trains the head, then the head and the group beneath it.

    Returns the losses, and the variables that changed by their group.
    """
    optimizer = DiscriminativeOptimizer(
        keras.optimizers.Adam(
            SlantedTriangular(0.05, EPOCHS * BATCHES), global_clipnorm=1.0
        ),
        groups,
    )
    model.compile(
        optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    optimizer.build(model.trainable_variables)
    watched = [
        v
        for v in model.variables + optimizer.variables
        if len(v.shape) and "seed" not in v.path
    ]
    before = [np.array(ops.convert_to_numpy(v)) for v in watched]
    losses = model.fit(
        x,
        y,
        len(y) // BATCHES,
        epochs=EPOCHS,
        verbose=0,
        callbacks=[GradualUnfreezing([[-1], [-1, -2]])],
    ).history["loss"]
    moved = {
        v.path
        for v, old in zip(watched, before, strict=True)
        if np.any(np.array(ops.convert_to_numpy(v)) != old)
    }
    return losses, moved, {v.path for v in watched}


def test_image_model():
    model = keras.Sequential(
        [
            keras.layers.Conv2D(4, 3, name="conv_0"),
            keras.layers.BatchNormalization(name="norm_0"),
            keras.layers.ReLU(),
            keras.layers.Conv2D(4, 3, name="conv_1"),
            keras.layers.BatchNormalization(name="norm_1"),
            keras.layers.GlobalMaxPooling2D(),
            keras.layers.Dense(2, name="top"),
        ]
    )
    model.build((None, 8, 8, 1))
    groups = [
        ("low", ["(^|/)conv_0/", "(^|/)norm_0/"]),
        ("middle", ["(^|/)conv_1/", "(^|/)norm_1/"]),
        ("top", "(^|/)top/"),
    ]
    generator = np.random.default_rng(0)
    y = np.arange(16) % 2
    x = generator.normal(size=(16, 8, 8, 1)) * (1 + 2 * y[:, None, None, None])
    losses, moved, watched = finetune(model, groups, x.astype("float32"), y)
    assert losses[-1] < 0.7 * losses[0]
    # Moving statistics too stay where they were.
    assert moved == {path for path in watched if "_0" not in path}


@pytest.fixture(scope="module")
def bert():
    keras_hub = pytest.importorskip("keras_hub")
    keras.utils.set_random_seed(0)
    backbone = keras_hub.models.BertBackbone(
        vocabulary_size=11,
        num_layers=2,
        num_heads=2,
        hidden_dim=16,
        intermediate_dim=16,
        max_sequence_length=5,
        dropout=0.0,
    )
    return keras_hub.models.BertTextClassifier(
        backbone, num_classes=2, dropout=0.0
    )


def test_kerashub_transformers_are_split_by_block(bert):
    functional = keras.Model(bert.inputs, bert.outputs)
    for model in (bert, functional, bert.backbone):
        optimizer = DiscriminativeOptimizer("sgd", layer_groups(model))
        optimizer.build(model.trainable_variables)
        names = optimizer.groups.names
        groups = {
            v.path: names[optimizer.group_index(v.path)]
            for v in model.trainable_variables
        }
        assert list(dict.fromkeys(groups.values())) == [
            "embeddings",
            "transformer_layer_0",
            "transformer_layer_1",
            "head",
        ]
        assert groups["pooled_dense/kernel"] == "head"
        assert groups["segment_embedding/embeddings"] == "embeddings"


def test_kerashub_transformer(bert):
    # Without TensorFlow, `task.fit` needs the grain library; this does not.
    model = keras.Model(bert.inputs, bert.outputs)
    y = np.arange(16) % 2
    token_ids = np.random.default_rng(0).integers(3, 11, size=(16, 5))
    token_ids[:, 0] = 1 + y
    x = {
        "token_ids": token_ids.astype("int32"),
        "segment_ids": np.zeros((16, 5), "int32"),
        "padding_mask": np.ones((16, 5), "int32"),
    }
    losses, moved, watched = finetune(model, layer_groups(bert), x, y)
    assert losses[-1] < 0.7 * losses[0]
    trained = ("transformer_layer_1", "pooled_dense", "logits")
    expected = {p for p in watched if any(name in p for name in trained)}
    # The gradient of a key's bias is zero but for rounding.
    assert moved | {
        p for p in expected if "key_bias" in p or "key/bias" in p
    } == (expected)
