"""Writing a classifier as a SavedModel for TensorFlow Serving."""

from ulmfit_keras.export.replaced_folder import replaced_folder

# What TensorFlow writes, and warm-up requests.
CONTENTS = (
    "saved_model.pb",
    "fingerprint.pb",
    "variables",
    "assets",
    "assets.extra",
)
_WARMUP_TEXTS = ["", "A short text to warm up with."]


def savedmodel(classifier, path):
    """Write a classifier as a SavedModel that takes texts.

    The folder holds everything: tokenizer, weights, names of the classes. It
    is served without Keras and without this package, and was trained on any
    backend. Its outputs are those of `predict`, computed in float32 whatever
    the classifier's dtype policy is; like `predict` it reads the first
    `preprocessor.sequence_length` tokens of a text. Texts are any bytes, and
    batches of any size, even empty.

    Signature `serving_default` takes `text`, string (B,), and returns

    - `probabilities`, float32 (B, C), or for a regression `values`;
    - `labels`, string (B, C), the names of the C columns, the same in each
      row, because a server joins and cuts requests along the rows. Names are
      `classifier.labels`, or else "0", "1", …;
    - `label`, string (B,), the likeliest class, for a single-label problem.

    Signature `classify` takes `inputs`, serialized `tf.Example`s with a bytes
    feature `text`, and returns `classes`, string (B, C), and `scores`,
    float32 (B, C), for Serving's Classify call. A regression to one number
    has `regress` instead, which returns `outputs`, float32 (B,).

    TensorFlow Serving looks for numbered versions, so end the path in a
    number. A model with a `SentencePieceTokenizer` needs a server with the
    operations of TensorFlow Text; the official images have them. In Python
    `import tensorflow_text` before loading it.

    Args:
        classifier: an `AWDLSTMTextClassifier` or a
            `BidirectionalTextClassifier`, with preprocessor.
        path: folder to write, str or path. A SavedModel that is there is
            replaced, once the new one is complete.

    Raises:
        ValueError: if the classifier has no preprocessor or is quantized, or
            `path` is something else than a SavedModel.

    Example:

    ```python
    savedmodel(classifier, "served/1")
    served = tf.saved_model.load("served/1").signatures["serving_default"]
    served(text=tf.constant(["A fine film."]))["label"]
    ```

    and with `tensorflow_model_server --rest_api_port=8501
    --model_base_path=$PWD/served`:

    ```bash
    curl localhost:8501/v1/models/default:predict \
        -d '{"instances": ["A fine film."]}'
    ```
    """
    import tensorflow as tf

    from ulmfit_keras.export.signatures import ServedClassifier
    from ulmfit_keras.export.signatures import name_methods
    from ulmfit_keras.export.warmup import write_warmup_requests

    served = ServedClassifier(classifier)
    signatures = served.signatures()
    with replaced_folder(path, CONTENTS, "SavedModel") as partial:
        tf.saved_model.save(served, str(partial), signatures)
        name_methods(str(partial), signatures)
        write_warmup_requests(partial, _WARMUP_TEXTS)
