"""Groups that fit any model."""

import keras
import numpy as np
import pytest

from ulmfit_keras.optimizers import DiscriminativeOptimizer
from ulmfit_keras.optimizers import layer_groups


def group_of_each(model):
    """Name of the group of each trainable variable, by path."""
    optimizer = DiscriminativeOptimizer("sgd", layer_groups(model))
    optimizer.build(model.trainable_variables)
    names = optimizer.groups.names
    return {
        v.path: names[optimizer.group_index(v.path)]
        for v in model.trainable_variables
    }


def make_sequential():
    model = keras.Sequential(
        [
            keras.layers.Embedding(5, 4, name="words"),
            keras.layers.Dropout(0.1),
            keras.layers.Dense(4, name="hidden"),
            keras.layers.Dense(2, name="head"),
        ]
    )
    model.build((None, 3))
    return model


def test_one_group_for_each_layer_with_weights():
    groups = layer_groups(make_sequential())
    assert [name for name, _ in groups] == ["words", "hidden", "head"]
    assert set(group_of_each(make_sequential()).values()) == {
        "words", "hidden", "head",
    }  # fmt: skip


def test_a_loaded_model_has_the_same_groups(tmp_path):
    inner = make_sequential()
    model = keras.Sequential([inner, keras.layers.Dense(1, name="top")])
    model.build((None, 3))
    groups = layer_groups(model)
    assert [name for name, _ in groups] == [inner.name, "top"]
    expected = list(group_of_each(model).values())
    model.compile(DiscriminativeOptimizer("adam", groups), "mse")
    model.fit(np.ones((2, 3), "int32"), np.ones((2, 1)), verbose=0)
    model.save(tmp_path / "model.keras")
    # What is loaded may have other paths, but no other groups.
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert list(group_of_each(loaded).values()) == expected
    loaded.fit(np.ones((2, 3), "int32"), np.ones((2, 1)), verbose=0)


def test_weights_of_no_layer_go_by_their_path():
    class Own(keras.layers.Layer):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner
            self.scale = self.add_weight(shape=(), name="scale")

        def call(self, x):
            return self.inner(x) * self.scale

    dense = keras.layers.Dense(2, name="elsewhere")
    dense.build((None, 2))
    model = keras.Sequential([Own(dense), keras.layers.Dense(1)])
    model.build((None, 2))
    first, second = (name for name, _ in layer_groups(model))
    assert list(group_of_each(model).values()) == [first] * 3 + [second] * 2


def test_a_model_may_name_its_own_groups():
    class Model(keras.Model):
        def layer_groups(self):
            return [("everything", ".")]

    assert layer_groups(Model()) == [("everything", ".")]


def test_untrainable_layers_are_in_no_group():
    model = make_sequential()
    model.layers[0].trainable = False
    assert [name for name, _ in layer_groups(model)] == ["hidden", "head"]


def test_a_model_without_weights_is_refused():
    with pytest.raises(ValueError, match="Received: model="):
        layer_groups(keras.Sequential([keras.layers.Dense(2)]))


def test_kerashub_transformers_are_split_by_block():
    keras_hub = pytest.importorskip("keras_hub")
    backbone = keras_hub.models.BertBackbone(
        vocabulary_size=11,
        num_layers=2,
        num_heads=2,
        hidden_dim=8,
        intermediate_dim=8,
        max_sequence_length=4,
    )
    task = keras_hub.models.BertTextClassifier(backbone, num_classes=2)
    expected = ["embeddings", "transformer_layer_0", "transformer_layer_1"]
    for model in (task, keras.Model(task.inputs, task.outputs), backbone):
        groups = group_of_each(model)
        assert list(dict.fromkeys(groups.values())) == [*expected, "head"]
        assert groups["pooled_dense/kernel"] == "head"
        assert groups["segment_embedding/embeddings"] == "embeddings"


def test_kerashub_image_models_without_blocks_are_two_groups():
    keras_hub = pytest.importorskip("keras_hub")
    backbone = keras_hub.models.MobileNetBackbone(
        stackwise_expansion=[[8]],
        stackwise_num_blocks=[1],
        stackwise_num_filters=[[8]],
        stackwise_kernel_size=[[3]],
        stackwise_num_strides=[[2]],
        stackwise_se_ratio=[[None]],
        stackwise_activation=[["relu"]],
        stackwise_padding=[[1]],
        output_num_filters=8,
        depthwise_filters=8,
        depthwise_stride=1,
        depthwise_residual=False,
        squeeze_and_excite=None,
        last_layer_filter=8,
        input_num_filters=8,
        image_shape=(8, 8, 3),
    )
    outputs = keras.layers.Dense(2, name="top")(
        keras.layers.GlobalAveragePooling2D()(backbone.output)
    )
    model = keras.Model(backbone.input, outputs)
    assert "top" in group_of_each(model).values()
    assert np.all([g for g in group_of_each(model).values()])
