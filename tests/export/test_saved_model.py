import os
import pathlib
from concurrent import futures

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from ulmfit_keras.export import savedmodel
from ulmfit_keras.models import BidirectionalTextClassifier
from ulmfit_keras.text import SentencePieceTokenizer
from ulmfit_keras.text import train_sentencepiece

tf = pytest.importorskip("tensorflow")

EMPTY = np.zeros(0, "S1")


def load(path):
    """A function from texts to the outputs of a model as numpy arrays."""
    model = tf.saved_model.load(str(path))

    def ask(texts, signature="serving_default"):
        function = model.signatures[signature]
        (name,) = function.structured_input_signature[1]
        outputs = function(**{name: tf.constant(texts or EMPTY)})
        return {name: value.numpy() for name, value in outputs.items()}

    ask.model = model
    return ask


@pytest.fixture(scope="module")
def served(model_path):
    return load(model_path)


def example(text):
    value = tf.train.BytesList(value=[text.encode()])
    features = {"text": tf.train.Feature(bytes_list=value)}
    return tf.train.Example(
        features=tf.train.Features(feature=features)
    ).SerializeToString()


def signature_defs(path):
    from tensorflow.core.protobuf import saved_model_pb2

    proto = saved_model_pb2.SavedModel()
    proto.ParseFromString((path / "saved_model.pb").read_bytes())
    return proto.meta_graphs[0].signature_def


def test_a_process_without_keras_gets_what_predict_says(
    model_path, classifier, batches, expected, ask_process
):
    answers = ask_process("python_client.py", [model_path], batches)
    for answer, probabilities in zip(answers, expected, strict=True):
        found = np.reshape(answer["probabilities"], (-1, 3))
        np.testing.assert_allclose(found, probabilities, atol=1e-5)
        assert answer["labels"] == [classifier.labels] * len(probabilities)
        best = probabilities.argmax(axis=1)
        assert answer["label"] == [classifier.labels[i] for i in best]
    # The texts tell the classes apart, or equal labels would mean little.
    assert len({label for answer in answers for label in answer["label"]}) > 1


@settings(max_examples=15, deadline=None)
@given(texts=st.lists(st.text() | st.binary(), min_size=8, max_size=8))
def test_any_text_gets_what_predict_says(served, classifier, texts):
    texts = [
        t.encode("utf-8", "surrogatepass") if isinstance(t, str) else t
        for t in texts
    ]
    probabilities = served(texts)["probabilities"]
    np.testing.assert_allclose(
        probabilities, classifier.predict(texts), atol=1e-5
    )


def test_many_threads_get_what_one_gets(served, batches):
    batches = batches[:8] * 8
    alone = [served(batch)["probabilities"] for batch in batches]
    with futures.ThreadPoolExecutor(16) as pool:
        together = pool.map(lambda b: served(b)["probabilities"], batches)
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_nothing_is_random_and_no_weight_is_stored_twice(
    served, model_path, classifier
):
    texts = ["The film is not good!", "bad"]
    first, second = served(texts), served(texts)
    np.testing.assert_array_equal(
        first["probabilities"], second["probabilities"]
    )
    shapes = [
        shape
        for _, shape in tf.train.list_variables(
            str(model_path / "variables" / "variables")
        )
        if shape
    ]
    encoder = [list(w.shape) for w in classifier.backbone.weights if w.shape]
    encoder = [shape for shape in encoder if shape != [2]]  # seeds
    head = [[30, 50], [50], [50, 3], [3]]
    assert sorted(shapes) == sorted(encoder + head)


@pytest.mark.parametrize(
    "wrong", [[1, 2], [["good"]], "good"], ids=["dtype", "matrix", "scalar"]
)
def test_a_malformed_request_fails_and_harms_nothing(served, wrong):
    before = served(["good"])["probabilities"]
    with pytest.raises((tf.errors.InvalidArgumentError, ValueError, TypeError)):
        served(wrong)
    np.testing.assert_array_equal(served(["good"])["probabilities"], before)


def test_classify_reads_examples(served, classifier):
    texts = ["The film is not good!", ""]
    answer = served([example(text) for text in texts], "classify")
    np.testing.assert_array_equal(
        answer["scores"], served(texts)["probabilities"]
    )
    labels = [label.encode() for label in classifier.labels]
    assert answer["classes"].tolist() == [labels, labels]
    with pytest.raises(tf.errors.InvalidArgumentError):
        served([tf.train.Example().SerializeToString()], "classify")


def test_methods_are_named_for_the_server(model_path):
    names = {
        name: signature.method_name
        for name, signature in signature_defs(model_path).items()
    }
    assert names["serving_default"] == "tensorflow/serving/predict"
    assert names["classify"] == "tensorflow/serving/classify"
    assert "regress" not in names
    classify = signature_defs(model_path)["classify"]
    assert set(classify.inputs) == {"inputs"}
    assert set(classify.outputs) == {"classes", "scores"}


def test_a_regression(make_classifier, tmp_path):
    classifier = make_classifier(1, problem_type="regression", labels=["size"])
    savedmodel(classifier, tmp_path / "1")
    texts = ["The film is not good!", "bad"]
    ask = load(tmp_path / "1")
    answer = ask(texts)
    assert set(answer) == {"values", "labels"}
    np.testing.assert_allclose(
        answer["values"], classifier.predict(texts), atol=1e-5
    )
    assert answer["labels"].tolist() == [[b"size"]] * 2
    signatures = signature_defs(tmp_path / "1")
    assert "classify" not in signatures
    regress = signatures["regress"]
    assert regress.method_name == "tensorflow/serving/regress"
    assert set(regress.outputs) == {"outputs"}
    numbers = ask([example(text) for text in texts], "regress")
    np.testing.assert_array_equal(numbers["outputs"], answer["values"][:, 0])


def test_a_bidirectional_multi_label_model(make_classifier, tmp_path):
    classifier = BidirectionalTextClassifier(
        make_classifier(seed=1, problem_type="multi_label"),
        make_classifier(seed=2, problem_type="multi_label", backwards=True),
    )
    savedmodel(classifier, tmp_path / "1")
    texts = ["", "The film is not good!", "bad. very " * 200, "bad good"]
    ask = load(tmp_path / "1")
    answer = ask(texts)
    np.testing.assert_allclose(
        answer["probabilities"], classifier.predict(texts), atol=1e-5
    )
    assert not np.allclose(answer["probabilities"].sum(axis=1), 1)
    assert set(answer) == {"probabilities", "labels"}
    assert answer["labels"].tolist() == [[b"0", b"1", b"2"]] * 4


def test_a_sentencepiece_model(make_classifier, batches, ask_process, tmp_path):
    tensorflow_text = pytest.importorskip("tensorflow_text")
    proto = train_sentencepiece(
        ["The film is not good!", "A very bad film, 中文 fine."] * 50, 60
    )
    classifier = make_classifier(tokenizer=SentencePieceTokenizer(proto))
    savedmodel(classifier, tmp_path / "1")
    texts = batches[-1][:8]
    # The package itself would import Keras.
    folder = pathlib.Path(tensorflow_text.__file__).parent / "python" / "ops"
    (answer,) = ask_process(
        "python_client.py",
        [tmp_path / "1"],
        [texts],
        folder.glob("_sentencepiece_tokenizer.*"),
    )
    np.testing.assert_allclose(
        answer["probabilities"], classifier.predict(texts), atol=1e-5
    )


def test_only_an_older_model_is_replaced(classifier, tmp_path):
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "note").touch()
    with pytest.raises(ValueError, match="Received: path="):
        savedmodel(classifier, tmp_path / "1")
    assert os.listdir(tmp_path) == ["1"]
    (tmp_path / "1" / "saved_model.pb").touch()
    with pytest.raises(ValueError, match="which holds note"):
        savedmodel(classifier, tmp_path / "1")
    (tmp_path / "1" / "note").unlink()
    for _ in range(2):  # the second takes the place of a whole one
        savedmodel(classifier, tmp_path / "1")
    assert os.listdir(tmp_path) == ["1"]
    assert load(tmp_path / "1")([""])["labels"].shape == (1, 3)


def test_what_cannot_be_exported(make_classifier, tmp_path):
    classifier = make_classifier()
    classifier.backbone.token_embedding.quantize("int8")
    with pytest.raises(ValueError, match="quantized"):
        savedmodel(classifier, tmp_path / "1")
    classifier = make_classifier()
    classifier.preprocessor = None
    with pytest.raises(ValueError, match="preprocessor"):
        savedmodel(classifier, tmp_path / "1")
    assert not os.listdir(tmp_path)


def test_a_half_precision_model_is_served_in_float32(make_classifier, tmp_path):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        half = make_classifier()
    finally:
        keras.config.set_dtype_policy("float32")
    savedmodel(half, tmp_path / "1")
    texts = ["The film is not good!", "bad"]
    np.testing.assert_allclose(
        load(tmp_path / "1")(texts)["probabilities"],
        make_classifier().predict(texts),
        atol=1e-5,
    )


def test_warmup_requests_are_the_servers(model_path):
    logs = pytest.importorskip("tensorflow_serving.apis.prediction_log_pb2")
    path = model_path / "assets.extra" / "tf_serving_warmup_requests"
    (record,) = tf.data.TFRecordDataset(str(path)).as_numpy_iterator()
    request = logs.PredictionLog.FromString(record).predict_log.request
    assert request.model_spec.signature_name == "serving_default"
    texts = tf.make_ndarray(request.inputs["text"]).tolist()
    assert b"" in texts and len(texts) == 2
