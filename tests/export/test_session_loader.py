"""The export as TensorFlow Serving loads it, which is not Python's way."""

import pathlib

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow")


def tensor_names(path):
    from tensorflow.core.protobuf import saved_model_pb2

    proto = saved_model_pb2.SavedModel()
    proto.ParseFromString((path / "saved_model.pb").read_bytes())
    signature = proto.meta_graphs[0].signature_def["serving_default"]
    output = signature.outputs["probabilities"]
    return signature.inputs["text"].name, output.name


def test_the_session_loader_gets_what_predict_says(
    model_path, batches, expected, ask_process
):
    folder = pathlib.Path(tf.sysconfig.get_lib())
    libraries = list(folder.glob("libtensorflow_cc.*"))
    if not libraries:
        pytest.skip("needs TensorFlow's C library")
    answers = ask_process(
        "session_client.py",
        [libraries[0], model_path, *tensor_names(model_path)],
        batches,
    )
    for answer, probabilities in zip(answers, expected, strict=True):
        np.testing.assert_allclose(
            np.reshape(answer, (-1, 3)), probabilities, atol=1e-5
        )
