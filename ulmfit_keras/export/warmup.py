"""The requests that TensorFlow Serving sends itself before it opens.

The first request to a graph is slow, since TensorFlow prepares itself only
then. A model may bring requests along for the server to start with.
"""

import tensorflow as tf

_FILE = "assets.extra/tf_serving_warmup_requests"


def write_warmup_requests(path, texts):
    """Add one request for the default signature to a SavedModel.

    The protocol buffers, `PredictionLog` and those in it, are written out
    here because their Python classes come with the package
    tensorflow-serving-api alone. Source of the field numbers: TensorFlow
    Serving, tensorflow_serving/apis/{prediction_log,predict,model}.proto.

    Args:
        path: `pathlib.Path`, the SavedModel's folder.
        texts: list of str, what is asked.
    """
    signature_name = _field(3, b"serving_default")
    model_spec = _field(1, signature_name)
    tensor = tf.make_tensor_proto(texts).SerializeToString()
    inputs = _field(2, _field(1, b"text") + _field(2, tensor))
    request = _field(1, model_spec + inputs)
    predict_log = _field(6, request)
    file = path / _FILE
    file.parent.mkdir()
    with tf.io.TFRecordWriter(str(file)) as writer:
        writer.write(predict_log)


def _field(number, content):
    """A field of a protocol buffer whose content is bytes."""
    return bytes([number << 3 | 2]) + _varint(len(content)) + content


def _varint(number):
    low = number & 0x7F
    if low == number:
        return bytes([low])
    return bytes([low | 0x80]) + _varint(number >> 7)
