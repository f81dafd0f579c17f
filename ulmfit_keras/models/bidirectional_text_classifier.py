"""Two classifiers, one for each direction of reading, as one model."""

import pathlib

import keras
import numpy as np

from ulmfit_keras.models.awd_lstm_text_classifier import AWDLSTMTextClassifier
from ulmfit_keras.models.documents import as_documents
from ulmfit_keras.models.documents import document_batches
from ulmfit_keras.models.documents import document_ids
from ulmfit_keras.models.piecewise_prediction import predict_documents
from ulmfit_keras.models.presets import find_preset
from ulmfit_keras.models.quantization import QuantizationMixin


@keras.saving.register_keras_serializable("ulmfit_keras")
class BidirectionalTextClassifier(QuantizationMixin, keras.Model):
    """The mean of a forward and a backward classifier's outputs.

    Source: Howard & Ruder 2018, section 3.3, "bidirectional language
    model": each classifier is fine-tuned on its own, then their predictions
    are averaged. Both get the same token ids; the backward classifier turns
    them round by itself.

    Args:
        forward_classifier: an `AWDLSTMTextClassifier`.
        backward_classifier: another one whose backbone reads `backwards`,
            with the same vocabulary, longest documents, classes and problem
            type.

    Input shape:
        `{"token_ids": int (B, T), "padding_mask": (B, T)}`; texts or lists
        of token ids in `predict` and `evaluate`.

    Output shape:
        float32 (B, C).

    Raises:
        ValueError: if the two classifiers do not fit together.

    Example:

    ```python
    classifier = BidirectionalTextClassifier(forward, backward)
    classifier.predict(["A fine film."])
    ```
    """

    def __init__(self, forward_classifier, backward_classifier, **kwargs):
        check_pair(forward_classifier, backward_classifier)
        inputs = {
            name: keras.Input((None,), dtype="int32", name=name)
            for name in ("token_ids", "padding_mask")
        }
        average = keras.layers.Average(dtype="float32", name="mean_outputs")
        backward = backward_classifier
        if forward_classifier.name == backward.name:
            # Made in two processes; a Keras model has no two such layers.
            backward = keras.Model(
                backward.input, backward.output, name=f"{backward.name}_view"
            )
        outputs = average([forward_classifier(inputs), backward(inputs)])
        super().__init__(inputs=inputs, outputs=outputs, **kwargs)
        self.forward_classifier = forward_classifier
        self.backward_classifier = backward_classifier

    @property
    def preprocessor(self):
        """The preprocessor of the forward classifier, which serves both."""
        return self.forward_classifier.preprocessor

    @property
    def num_classes(self):
        """The number of classes."""
        return self.forward_classifier.num_classes

    @property
    def labels(self):
        """The names of the classes, or None."""
        return self.forward_classifier.labels

    @property
    def problem_type(self):
        """What is solved; see `AWDLSTMTextClassifier`."""
        return self.forward_classifier.problem_type

    def predict(self, x, batch_size=None, verbose=0, **kwargs):
        """See `AWDLSTMTextClassifier.predict`."""
        documents = as_documents(x)
        if documents is None:
            return super().predict(x, batch_size, verbose, **kwargs)
        ids = document_ids(documents, self.preprocessor)
        pair = self.forward_classifier, self.backward_classifier
        return np.mean(
            [predict_documents(c, ids, batch_size, verbose) for c in pair],
            axis=0,
        )

    def evaluate(
        self, x=None, y=None, batch_size=None, sample_weight=None, **kwargs
    ):
        """As `keras.Model.evaluate`, on texts too.

        Args:
            x: texts or documents as token ids, as `predict` takes them, or
                what Keras takes.
            y: targets of texts, array (texts,) or (texts, C). Defaults to
                None.
            batch_size: int, most texts in a batch. Defaults to 32, for a
                data set to its own batches.
            sample_weight: array (texts,). Defaults to None.
            **kwargs: see `keras.Model.evaluate`.

        Returns:
            See `keras.Model.evaluate`. Compile before, with a loss and
            metrics of probabilities.
        """
        batches = document_batches(
            x, y, sample_weight, self.preprocessor, batch_size
        )
        if batches is None:
            return super().evaluate(
                x, y, batch_size, sample_weight=sample_weight, **kwargs
            )
        return super().evaluate(batches, **kwargs)

    def save_to_preset(self, preset_dir):
        """Save both classifiers as presets inside one folder.

        Args:
            preset_dir: path of the folder.
        """
        folder = pathlib.Path(preset_dir)
        self.forward_classifier.save_to_preset(folder / "forward")
        self.backward_classifier.save_to_preset(folder / "backward")

    @classmethod
    def from_preset(cls, preset):
        """Load what `save_to_preset` wrote.

        Args:
            preset: a folder, or a name in `saved_models`.

        Returns:
            A `BidirectionalTextClassifier`.
        """
        folder = pathlib.Path(find_preset(preset))
        return cls(
            AWDLSTMTextClassifier.from_preset(folder / "forward"),
            AWDLSTMTextClassifier.from_preset(folder / "backward"),
        )

    def get_config(self):
        return {
            "name": self.name,
            **{
                name: keras.saving.serialize_keras_object(getattr(self, name))
                for name in ("forward_classifier", "backward_classifier")
            },
        }

    @classmethod
    def from_config(cls, config):
        return cls(
            **{
                name: keras.saving.deserialize_keras_object(value)
                for name, value in config.items()
            }
        )


def check_pair(forward, backward):
    """Raise a ValueError unless the two classifiers fit together."""
    directions = forward.backbone.backwards, backward.backbone.backwards
    if directions != (False, True):
        raise ValueError(
            "The first classifier must read forwards and the second "
            "backwards, see `AWDLSTMBackbone(backwards=True)`. "
            f"Received: backwards={directions[0]} and {directions[1]}"
        )
    for name in ("num_classes", "labels", "problem_type"):
        pair = getattr(forward, name), getattr(backward, name)
        if pair[0] != pair[1]:
            raise ValueError(
                f"Both classifiers must have the same `{name}`. "
                f"Received: {pair[0]} and {pair[1]}"
            )
    preprocessors = [
        classifier.preprocessor
        for classifier in (forward, backward)
        if classifier.preprocessor is not None
    ]
    lengths = [preprocessor.sequence_length for preprocessor in preprocessors]
    if len(set(lengths)) > 1:
        raise ValueError(
            "Both classifiers must cut documents off after as many tokens, "
            "the `sequence_length` of their preprocessors (`max_tokens` in "
            f"`train_classifier`). Received: {lengths[0]} and {lengths[1]}"
        )
    # A tokenizer out of a file gets its vocabulary after the model is made.
    vocabularies = [
        preprocessor.tokenizer.vocabulary
        for preprocessor in preprocessors
        if preprocessor.tokenizer.start_token_id is not None
    ]
    if len(set(vocabularies)) > 1:
        raise ValueError(
            "Both classifiers must have the same vocabulary, word by word. "
            f"Received: {vocabularies[0]} and {vocabularies[1]}"
        )
