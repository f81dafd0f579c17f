"""What the language model and the classifier add to KerasHub's tasks."""

import keras

from ulmfit_keras.models.presets import PresetMixin


def is_preprocessed(x):
    """Whether `x` is batches of numbers, which no preprocessor takes."""
    return isinstance(x, (dict, keras.utils.PyDataset))


class TaskMixin(PresetMixin):
    """Lets any Keras data set feed a KerasHub task.

    Beyond KerasHub's own tasks it takes preprocessed batches, as a
    `keras.utils.PyDataset` or a dict of arrays, which needs neither
    TensorFlow nor grain, and comes back from a `.keras` file compiled, with
    its optimizer.
    """

    def fit(self, x=None, y=None, **kwargs):
        if is_preprocessed(x):
            return keras.Model.fit(self, x, y, **kwargs)
        # KerasHub makes a data set, which Keras cannot shuffle, and says so.
        return super().fit(x, y, **{"shuffle": False, **kwargs})

    def evaluate(self, x=None, y=None, **kwargs):
        if is_preprocessed(x):
            return keras.Model.evaluate(self, x, y, **kwargs)
        return super().evaluate(x, y, **kwargs)

    def predict(self, x, **kwargs):
        if is_preprocessed(x):
            return keras.Model.predict(self, x, **kwargs)
        return super().predict(x, **kwargs)

    def save_to_preset(self, preset_dir, dtype=None, **kwargs):
        """Save into a preset folder, with the checksums of all its files.

        Args:
            preset_dir: path of the folder.
            dtype: how to store the weights. "float16" halves the files; a
                preset is loaded at Keras' current precision all the same.
                Defaults to None: as they are.
            **kwargs: see the KerasHub class.
        """
        # A trained model is copied, because KerasHub would save the state of
        # its optimizer, too, and warn of it on loading.
        trained = self.optimizer is not None and self.optimizer.built
        task = self.copy(dtype) if trained or dtype is not None else self
        super(TaskMixin, task).save_to_preset(preset_dir, **kwargs)

    def copy(self, dtype=None):
        """A task of its own with the same weights, compiled by default.

        Args:
            dtype: dtype policy of all layers, such as "float16". Defaults to
                None: as before.

        Returns:
            A task of the same class, with the same preprocessor.
        """
        config = self.get_config()
        config["preprocessor"] = self.preprocessor
        if dtype is not None:
            config["backbone"]["config"]["dtype"] = dtype
        copy = self.from_config(config)
        copy.set_weights(self.get_weights())
        return copy

    def get_compile_config(self):
        config = super().get_compile_config()
        if config:
            config["optimizer_is_built"] = self.optimizer.built
        return config

    def compile_from_config(self, config):
        # Keras skips this for a model whose `compile` is its own.
        config = keras.saving.deserialize_keras_object(config)
        optimizer_is_built = config.pop("optimizer_is_built")
        self.compile(**config)
        if optimizer_is_built:
            self.optimizer.build(self.trainable_variables)
