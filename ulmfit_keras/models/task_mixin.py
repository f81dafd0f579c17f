"""What the language model and the classifier add to KerasHub's tasks."""

import keras


def is_preprocessed(x):
    """Whether `x` is batches of numbers, which no preprocessor takes."""
    return isinstance(x, (dict, keras.utils.PyDataset))


class TaskMixin:
    """Lets any Keras data set feed a KerasHub task.

    Beyond KerasHub's own tasks it takes preprocessed batches, as a
    `keras.utils.PyDataset` or a dict of arrays, which needs neither
    TensorFlow nor grain, and comes back from a `.keras` file compiled, with
    its optimizer.
    """

    def fit(self, x=None, y=None, **kwargs):
        if is_preprocessed(x):
            return keras.Model.fit(self, x, y, **kwargs)
        return super().fit(x, y, **kwargs)

    def evaluate(self, x=None, y=None, **kwargs):
        if is_preprocessed(x):
            return keras.Model.evaluate(self, x, y, **kwargs)
        return super().evaluate(x, y, **kwargs)

    def predict(self, x, **kwargs):
        if is_preprocessed(x):
            return keras.Model.predict(self, x, **kwargs)
        return super().predict(x, **kwargs)

    def compile_from_config(self, config):
        # Keras skips this for a model whose `compile` is its own.
        self.compile(**keras.saving.deserialize_keras_object(config))
        self.optimizer.build(self.trainable_variables)
