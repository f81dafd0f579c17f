"""What the language model and the classifier add to KerasHub's tasks."""

import contextlib

import keras

from ulmfit_keras.models.presets import PresetMixin
from ulmfit_keras.models.quantization import QuantizationMixin
from ulmfit_keras.models.single_trace import SingleTraceMixin

# What `compile` of a task knows and that of Keras does not. It stands in the
# entry of the optimizer, where Keras does not look at it, since
# `keras.models.clone_model` compiles a plain model as the task is compiled.
BEYOND_KERAS = "ulmfit_keras"


def is_preprocessed(x):
    """Whether `x` is batches of numbers, which no preprocessor takes."""
    return isinstance(x, (dict, keras.utils.PyDataset))


def _has_texts(x):
    """Whether `x` is a data set of TensorFlow that still has texts."""
    spec = keras.tree.flatten(getattr(x, "element_spec", None))
    return any("string" in repr(getattr(s, "dtype", "")) for s in spec)


def check_vocabulary(backbone, preprocessor):
    """Raise a ValueError unless the ids of texts are those of the backbone.

    Args:
        backbone: an `AWDLSTMBackbone`.
        preprocessor: the preprocessor of its task, or None.
    """
    tokenizer = getattr(preprocessor, "tokenizer", None)
    # A tokenizer out of a file gets its vocabulary after the model is made.
    if tokenizer is None or tokenizer.start_token_id is None:
        return
    if tokenizer.vocabulary_size() != backbone.vocabulary_size:
        raise ValueError(
            "The tokenizer must have as many tokens as the backbone has word "
            "vectors; take the tokenizer that the backbone was trained with, "
            "or make the backbone with `vocabulary_size=len(vocabulary)`. "
            f"Received: {tokenizer.vocabulary_size()} tokens and "
            f"{backbone.vocabulary_size} word vectors"
        )


class TaskMixin(SingleTraceMixin, QuantizationMixin, PresetMixin):
    """Lets a Keras data set of token ids feed a KerasHub task.

    Beyond KerasHub's own tasks it takes preprocessed batches, as a
    `keras.utils.PyDataset` or a dict of arrays, which needs neither
    TensorFlow nor grain, and comes back from a `.keras` file compiled, with
    its optimizer.
    """

    def fit(self, x=None, y=None, validation_data=None, **kwargs):
        """Train as KerasHub's tasks do.

        Args:
            x: texts, a data set of texts, or preprocessed batches.
            y: labels, unless `x` holds them.
            validation_data: of the kind of `x`.
            **kwargs: see `keras.Model.fit`.

        Returns:
            The Keras `History`.

        Raises:
            ValueError: if `validation_data` is a `PyDataset` beside texts.
        """
        kwargs["validation_data"] = validation_data
        if is_preprocessed(x):
            if _has_texts(validation_data):
                kwargs["validation_data"] = validation_data.map(
                    self.preprocess_samples
                )
            return keras.Model.fit(self, x, y, **kwargs)
        if isinstance(validation_data, keras.utils.PyDataset):
            raise ValueError(
                "`validation_data` must be of the kind of `x`: texts, or a "
                "data set of texts, since the preprocessor reads both. "
                f"Received: a {type(validation_data).__name__} beside a "
                f"{type(x).__name__}"
            )
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

    # A preset holds no optimizer; KerasHub would store it, too, and warn on
    # loading that it does not fit.
    def save_task_weights(self, filepath):
        with self.without_optimizer():
            super().save_task_weights(filepath)

    def load_task_weights(self, filepath):
        with self.without_optimizer():
            super().load_task_weights(filepath)

    @contextlib.contextmanager
    def without_optimizer(self):
        optimizer, self.optimizer = self.optimizer, None
        try:
            yield
        finally:
            self.optimizer = optimizer

    def get_compile_config(self):
        config = super().get_compile_config()
        if config:
            config["optimizer"][BEYOND_KERAS] = {
                "optimizer_is_built": self.optimizer.built
            }
        return config

    def compile_from_config(self, config):
        # Keras skips this for a model whose `compile` is its own.
        beyond = config["optimizer"].get(BEYOND_KERAS, {})
        # In older files it stands beside the optimizer.
        config = keras.saving.deserialize_keras_object({**config, **beyond})
        optimizer_is_built = config.pop("optimizer_is_built")
        self.compile(**config)
        if optimizer_is_built:
            self.optimizer.build(self.trainable_variables)
