"""What a served classifier can be asked."""

import tensorflow as tf

from ulmfit_keras.export.inference_weights import directions
from ulmfit_keras.export.serving_graph import ClassifierGraph

_METHODS = {
    "serving_default": "predict",
    "classify": "classify",
    "regress": "regress",
}


class ServedClassifier(tf.Module):
    """A classifier with its tokenizer.

    Args:
        classifier: an `AWDLSTMTextClassifier` or a
            `BidirectionalTextClassifier`, with preprocessor.
    """

    def __init__(self, classifier):
        super().__init__()
        members = directions(classifier)
        tokenizer = classifier.preprocessor.tokenizer
        self._tokenizer = tokenizer.graph()
        self._start_id = tokenizer.start_token_id
        self._most_tokens = classifier.preprocessor.sequence_length
        self._members = [ClassifierGraph(member) for member in members]
        self._problem_type = classifier.problem_type
        labels = classifier.labels or range(classifier.num_classes)
        self._labels = [str(label) for label in labels]
        # Traced once, so that the signatures share it.
        self._read = tf.function(
            self._read_texts, autograph=False
        ).get_concrete_function(tf.TensorSpec([None], tf.string))

    def _read_texts(self, texts):
        # A server does not hold clients to the shape of the signature.
        texts = tf.ensure_shape(texts, [None])
        tokens = self._tokenizer(texts)[:, : self._most_tokens - 1]
        start = tf.fill((tf.size(texts), 1), self._start_id)
        token_ids = tf.concat([start, tokens.to_tensor()], axis=1)
        lengths = 1 + tf.cast(tokens.row_lengths(), tf.int32)
        outputs = [member(token_ids, lengths) for member in self._members]
        return tf.add_n(outputs) / len(outputs)

    def signatures(self):
        """The signatures as `{name: function}`; see `savedmodel`."""
        signatures = {"serving_default": self._predict}
        if self._problem_type != "regression":
            signatures["classify"] = self._classify
        elif len(self._labels) == 1:
            signatures["regress"] = self._regress
        return {
            name: tf.function(function, autograph=False).get_concrete_function(
                tf.TensorSpec(
                    [None],
                    tf.string,
                    "text" if name == "serving_default" else "inputs",
                )
            )
            for name, function in signatures.items()
        }

    def _predict(self, texts):
        outputs = self._read(texts)
        labels = self._label_rows(outputs)
        if self._problem_type == "regression":
            return {"values": outputs, "labels": labels}
        results = {"probabilities": outputs, "labels": labels}
        if self._problem_type == "single_label":
            results["label"] = tf.gather(
                self._labels, tf.argmax(outputs, axis=1)
            )
        return results

    def _classify(self, examples):
        outputs = self._read(_texts_of(examples))
        return {"classes": self._label_rows(outputs), "scores": outputs}

    def _regress(self, examples):
        return {"outputs": self._read(_texts_of(examples))[:, 0]}

    def _label_rows(self, outputs):
        return tf.broadcast_to(self._labels, tf.shape(outputs))


def _texts_of(examples):
    feature = tf.io.FixedLenFeature([], tf.string)
    return tf.io.parse_example(examples, {"text": feature})["text"]


def name_methods(path, signatures):
    """Tell TensorFlow Serving which of its calls each signature answers.

    TensorFlow calls all of them "predict".

    Args:
        path: str, the SavedModel's folder.
        signatures: their names.
    """
    updater = tf.compat.v1.saved_model.signature_def_utils.MethodNameUpdater(
        path
    )
    for name in signatures:
        method_name = f"tensorflow/serving/{_METHODS[name]}"
        updater.replace_method_name(name, method_name, ["serve"])
    updater.save()
