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


class Scaled(keras.layers.Layer):
    """A layer with a layer in it and a weight of its own."""

    def __init__(self, inner, **kwargs):
        super().__init__(**kwargs)
        self.inner = inner
        self.scale = self.add_weight(shape=(), name="scale")

    def call(self, x):
        return self.inner(x) * self.scale


def dense_of_no_layer():
    """Built by itself, so that its paths lack the layers around it."""
    dense = keras.layers.Dense(2, name="elsewhere")
    dense.build((None, 2))
    return dense


def test_weights_of_no_layer_go_by_their_path():
    model = keras.Sequential(
        [Scaled(dense_of_no_layer()), keras.layers.Dense(1)]
    )
    model.build((None, 2))
    first, second = (name for name, _ in layer_groups(model))
    assert list(group_of_each(model).values()) == [first] * 3 + [second] * 2


def test_weights_with_one_path_are_in_the_lowest_of_their_groups():
    model = keras.Sequential(
        [
            Scaled(dense_of_no_layer(), name="low"),
            Scaled(dense_of_no_layer(), name="high"),
        ]
    )
    model.build((None, 2))
    paths = [v.path for v in model.trainable_variables]
    assert len(set(paths)) == 4
    assert sorted(group_of_each(model).values()) == ["high"] + ["low"] * 3


class Block(keras.layers.Layer):
    """A layer that makes one whose name others may have, too."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.inner = keras.layers.Dense(4, name="dense")

    def build(self, shape):
        self.inner.build(shape)

    def call(self, x):
        return self.inner(x)


def test_a_layer_within_another_may_have_the_name_of_a_third(tmp_path):
    model = keras.Sequential(
        [Block(name="block"), keras.layers.Dense(1, name="dense")]
    )
    model.build((None, 4))
    expected = ["block"] * 2 + ["dense"] * 2
    assert list(group_of_each(model).values()) == expected
    around = keras.Sequential([model, keras.layers.Dense(1, name="top")])
    around.build((None, 4))
    assert list(group_of_each(around).values()) == (
        [model.name] * 4 + ["top"] * 2
    )
    model.compile(DiscriminativeOptimizer("sgd", layer_groups(model)), "mse")
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(
        tmp_path / "model.keras", custom_objects={"Block": Block}
    )
    assert list(group_of_each(loaded).values()) == expected
    loaded.fit(np.ones((2, 4)), np.ones((2, 1)), verbose=0)


def test_layers_that_cannot_be_told_apart_are_refused():
    dense = keras.layers.Dense(2, name="elsewhere")
    model = keras.Sequential([Scaled(dense_of_no_layer()), dense])
    model.build((None, 2))
    with pytest.raises(ValueError, match="one group only"):
        group_of_each(model)


def test_weights_of_the_model_itself_are_in_the_highest_group():
    class Model(keras.Model):
        def __init__(self):
            super().__init__()
            self.low = keras.layers.Dense(2, name="low")
            self.high = keras.layers.Dense(1, name="high")
            self.scale = self.add_weight(shape=(), name="scale")

        def call(self, x):
            return self.high(self.low(x)) * self.scale

    model = Model()
    model(np.ones((2, 3), "float32"))
    found = group_of_each(model)
    by_name = {path.split("/", 1)[1]: name for path, name in found.items()}
    assert by_name.pop("scale") == "high"
    assert all(path.startswith(f"{name}/") for path, name in by_name.items())


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
