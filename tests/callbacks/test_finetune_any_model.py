"""The whole method on models that know nothing of it."""

import keras
import numpy as np
import pytest
from keras import ops

from ulmfit_keras.callbacks import GradualUnfreezing
from ulmfit_keras.callbacks import LearningRateFinder
from ulmfit_keras.callbacks import NonMonotonicAveraging
from ulmfit_keras.optimizers import DiscriminativeOptimizer
from ulmfit_keras.optimizers import NonMonotonicASGD
from ulmfit_keras.optimizers import layer_groups
from ulmfit_keras.schedules import SlantedTriangular

EPOCHS = 10
BATCHES = 2


def image_task():
    """An image model, its groups, and two classes that it can tell apart."""
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
    return model, groups, x.astype("float32"), y


def make_bert():
    keras_hub = pytest.importorskip("keras_hub")
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


def bert_task():
    """The same of a KerasHub transformer."""
    bert = make_bert()
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
    return model, layer_groups(bert), x, y


def values_of(variables):
    return [np.array(ops.convert_to_numpy(v)) for v in variables]


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
    before = values_of(watched)
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
        for v, old, new in zip(watched, before, values_of(watched), strict=True)
        if np.any(new != old)
    }
    return losses, moved, {v.path for v in watched}


def test_image_model():
    losses, moved, watched = finetune(*image_task())
    assert losses[-1] < 0.7 * losses[0]
    # Moving statistics too stay where they were.
    assert moved == {path for path in watched if "_0" not in path}


def test_kerashub_transformer():
    losses, moved, watched = finetune(*bert_task())
    assert losses[-1] < 0.7 * losses[0]
    trained = ("transformer_layer_1", "pooled_dense", "logits")
    expected = {p for p in watched if any(name in p for name in trained)}
    # The gradient of a key's bias is zero but for rounding.
    assert moved | {
        p for p in expected if "key_bias" in p or "key/bias" in p
    } == (expected)


def test_kerashub_transformers_are_split_by_block():
    bert = make_bert()
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


@pytest.mark.parametrize("task", [image_task, bert_task])
def test_learning_rate_finder(task):
    model, groups, x, y = task()
    model.compile(
        DiscriminativeOptimizer(
            keras.optimizers.Adam(SlantedTriangular(0.05, 20)), groups
        ),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    model.optimizer.build(model.trainable_variables)
    before = values_of(model.variables + model.optimizer.variables)
    finder = LearningRateFinder(1e-4, 10.0, steps=30, smoothing=0.5)
    suggestions = finder.find(model, x, y, batch_size=16)
    assert all(1e-4 < rate < 1.0 for rate in suggestions)
    assert min(finder.losses) < 0.9 * finder.losses[0]
    after = values_of(model.variables + model.optimizer.variables)
    for old, new in zip(before, after, strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("task", [image_task, bert_task])
def test_averaged_sgd(task):
    model, groups, x, y = task()
    model.compile(
        NonMonotonicASGD(
            DiscriminativeOptimizer(keras.optimizers.SGD(0.1), groups)
        ),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    steps = []
    averaging = NonMonotonicAveraging(patience=0)
    # From the first epoch on, every loss is worse than this one.
    averaging.history = [-1.0]
    history = model.fit(
        x,
        y,
        len(y) // BATCHES,
        epochs=2,
        verbose=0,
        validation_data=(x, y),
        callbacks=[
            averaging,
            keras.callbacks.LambdaCallback(
                on_train_batch_end=lambda batch, logs: steps.append(
                    values_of(averaging.model.trainable_variables)
                )
            ),
        ],
    ).history
    assert history["averaging"] == [0, 1]
    for average, *values in zip(
        values_of(model.trainable_variables), *steps[BATCHES:], strict=True
    ):
        np.testing.assert_allclose(average, np.mean(values, 0), atol=1e-6)
    assert any(
        np.any(average != last)
        for average, last in zip(
            values_of(model.trainable_variables), steps[-1], strict=True
        )
    )
    loss = model.evaluate(x, y, verbose=0)
    np.testing.assert_allclose(loss, history["val_loss"][-1], rtol=1e-4)


def test_a_frozen_backbone_leaves_the_layers_of_the_head():
    bert = make_bert()
    bert.backbone.trainable = False
    (name, patterns), *others = layer_groups(bert)
    assert name == "logits" and patterns == ["(^|/)logits/"] and not others


def test_a_numbered_layer_around_a_backbone_is_no_block():
    def names_of_groups():
        backbone = make_bert().backbone
        head = keras.Sequential(
            [keras.layers.Dense(4), keras.layers.Dense(2)],
            # As Keras calls the second one that it makes.
            name="sequential_1",
        )
        outputs = head(backbone(backbone.input)["pooled_output"])
        return [
            n for n, _ in layer_groups(keras.Model(backbone.input, outputs))
        ]

    assert names_of_groups() == [
        "embeddings",
        "transformer_layer_0",
        "transformer_layer_1",
        "head",
    ]
