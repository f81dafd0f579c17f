"""Classifiers in ONNX say what `predict` says."""

import json
import os
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from ulmfit_keras.export import OnnxClassifier
from ulmfit_keras.export import onnx_model
from ulmfit_keras.models import BidirectionalTextClassifier
from ulmfit_keras.text import SentencePieceTokenizer
from ulmfit_keras.text import train_sentencepiece

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def exported(classifier, tmp_path_factory):
    """The classifier read back, by dtype."""
    folder = tmp_path_factory.mktemp("onnx")
    models = {}
    for dtype in ("float32", "int8"):
        onnx_model(classifier, folder / dtype, dtype)
        models[dtype] = OnnxClassifier(folder / dtype)
    return models


def test_outputs_are_those_of_predict(exported, batches, expected):
    model = exported["float32"]
    for batch, outputs in zip(batches, expected, strict=True):
        found = model.predict(batch)
        assert found.shape == outputs.shape and found.dtype == "float32"
        np.testing.assert_allclose(found, outputs, atol=1e-5)


def test_names_and_kind_travel_along(classifier, exported):
    for model in exported.values():
        assert model.labels == classifier.labels
        assert model.problem_type == "single_label"
        assert model.preprocessor.sequence_length == 300


def test_whole_numbers_change_little(classifier, exported):
    random = np.random.default_rng(0)
    words = np.array("a the film is not good bad fine very . !".split())
    texts = [
        " ".join(words[random.integers(len(words), size=size)])
        for size in random.integers(1, 60, size=200)
    ]
    exact, rough = classifier.predict(texts), exported["int8"].predict(texts)
    assert 0 < np.abs(exact - rough).max() < 0.1
    assert (exact.argmax(-1) == rough.argmax(-1)).mean() > 0.95
    np.testing.assert_allclose(rough.sum(-1), 1, atol=1e-5)


def test_whole_numbers_fit_processors_without_vnni(classifier, tmp_path):
    """Which add two products in 16 bits; most machines do not show it."""
    onnx = pytest.importorskip("onnx")
    onnx_model(classifier, tmp_path / "model", "int8")
    graph = onnx.load(tmp_path / "model" / "model.onnx").graph
    weights = {x.name: onnx.numpy_helper.to_array(x) for x in graph.initializer}
    lstms = [x for x in graph.node if x.op_type == "DynamicQuantizeLSTM"]
    assert lstms
    for node in lstms:
        for name in node.input[1:3]:
            factors = np.abs(weights[name].astype("int32"))
            assert 0 < factors.max() and 2 * 255 * factors.max() < 2**15


def test_int8_files_are_smaller(make_classifier, tmp_path):
    from ulmfit_keras import models

    sizes = {}
    preprocessor = make_classifier().preprocessor
    vocabulary_size = preprocessor.tokenizer.vocabulary_size()
    for dtype in ("float32", "int8"):
        classifier = models.AWDLSTMTextClassifier(
            models.AWDLSTMBackbone(vocabulary_size, 64, 128, 2),
            2,
            preprocessor,
            head_dim=4,
        )
        onnx_model(classifier, tmp_path / dtype, dtype)
        sizes[dtype] = (tmp_path / dtype / "model.onnx").stat().st_size
    assert sizes["int8"] < 0.3 * sizes["float32"]


@settings(deadline=None, max_examples=30)
@given(
    rows=st.lists(
        st.lists(st.integers(0, 9), min_size=1, max_size=20), min_size=1
    ),
    padding=st.integers(0, 9),
)
def test_padding_does_not_matter(exported, rows, padding):
    # Any padding, and not the Python around the graph.
    lengths = np.array(list(map(len, rows)))
    token_ids = np.full((len(rows), lengths.max() + 3), padding)
    for place, row in enumerate(rows):
        token_ids[place, : len(row)] = row
    model = exported["float32"]
    (found,) = model.session.run(
        None, {"token_ids": token_ids, "lengths": lengths}
    )
    for row, outputs in zip(rows, found, strict=True):
        np.testing.assert_allclose(model.predict([row])[0], outputs, atol=1e-6)


@pytest.mark.parametrize("dtype, tolerance", [("float32", 1e-5), ("int8", 0.1)])
def test_a_bidirectional_multi_label_model(
    make_classifier, tmp_path, dtype, tolerance
):
    classifier = BidirectionalTextClassifier(
        make_classifier(seed=1, problem_type="multi_label"),
        make_classifier(seed=2, problem_type="multi_label", backwards=True),
    )
    onnx_model(classifier, tmp_path / "model", dtype)
    texts = ["", "The film is not good!", "bad. very " * 200, "bad good"]
    model = OnnxClassifier(tmp_path / "model")
    found = model.predict(texts)
    np.testing.assert_allclose(found, classifier.predict(texts), atol=tolerance)
    assert not np.allclose(found.sum(axis=1), 1)
    assert model.labels is None and model.problem_type == "multi_label"


def test_a_regression_with_sentencepiece(make_classifier, tmp_path):
    proto = train_sentencepiece(
        ["The film is not good!", "A very bad film, 中文 fine."] * 50, 60
    )
    classifier = make_classifier(
        1, SentencePieceTokenizer(proto), problem_type="regression"
    )
    onnx_model(classifier, tmp_path / "model")
    texts = ["The film is not good!", "中文 bad"]
    model = OnnxClassifier(tmp_path / "model")
    assert model.session.get_outputs()[0].name == "values"
    np.testing.assert_allclose(
        model.predict(texts), classifier.predict(texts), atol=1e-5
    )


def test_float32_needs_only_the_standard(exported, classifier, tmp_path):
    onnx_model(classifier, tmp_path / "model")
    model = onnx.load(tmp_path / "model" / "model.onnx")
    onnx.checker.check_model(model, full_check=True)
    assert {node.domain for node in model.graph.node} == {""}


def test_only_an_older_model_is_replaced(classifier, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").touch()
    # Of another program.
    (tmp_path / "mine" / "model.onnx").touch()
    with pytest.raises(ValueError, match="older ONNX model.*Received: path="):
        onnx_model(classifier, tmp_path / "mine")
    onnx_model(classifier, tmp_path / "model")
    onnx_model(classifier, tmp_path / "model", "int8")
    description = tmp_path / "model" / "classifier.json"
    assert json.loads(description.read_text("utf-8"))["dtype"] == "int8"
    assert sorted(os.listdir(tmp_path)) == ["mine", "model"]
    (tmp_path / "model" / "thesis.txt").touch()
    with pytest.raises(ValueError, match="which holds thesis.txt"):
        onnx_model(classifier, tmp_path / "model")
    assert (tmp_path / "model" / "thesis.txt").exists()


def test_errors_name_what_is_wrong(make_classifier, tmp_path):
    classifier = make_classifier()
    with pytest.raises(ValueError, match="Received: dtype='int4'"):
        onnx_model(classifier, tmp_path / "model", "int4")
    classifier.backbone.token_embedding.quantize("int8")
    with pytest.raises(ValueError, match="quantized"):
        onnx_model(classifier, tmp_path / "model")
    classifier = make_classifier()
    classifier.preprocessor = None
    with pytest.raises(ValueError, match="preprocessor"):
        onnx_model(classifier, tmp_path / "model")
    assert not os.listdir(tmp_path)
    with pytest.raises(ValueError, match="lacks .*model.onnx"):
        OnnxClassifier(tmp_path)


def test_missing_packages_are_named(classifier, tmp_path, monkeypatch):
    for name in ("onnx", "onnxruntime"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=r"ulmfit_keras\[onnx\]"):
        onnx_model(classifier, tmp_path / "model")
    with pytest.raises(ImportError, match=r"ulmfit_keras\[onnx\]"):
        OnnxClassifier(tmp_path / "model")


def test_a_stranger_cannot_name_a_class(classifier, tmp_path):
    onnx_model(classifier, tmp_path / "model")
    path = tmp_path / "model" / "classifier.json"
    description = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps({**description, "tokenizer": "os.system"}))
    with pytest.raises(ValueError, match="Received: .*'os.system'"):
        OnnxClassifier(tmp_path / "model")


@pytest.mark.parametrize(
    "name, damage",
    [
        ("classifier.json", lambda content: content[:40]),
        ("classifier.json", lambda content: b"[]"),
        ("classifier.json", lambda content: b"{}"),
        ("classifier.json", lambda content: b"\xff"),
        ("classifier.json", lambda content: _changed(content, tokenizer=[])),
        ("classifier.json", lambda content: _changed(content, labels=["a"])),
        (
            "classifier.json",
            lambda content: _changed(content, sequence_length=0),
        ),
        ("model.onnx", lambda content: content[:-40]),
        ("model.onnx", lambda content: b""),
        ("tokenizer/vocabulary.txt", None),
    ],
)
def test_damage_is_told(exported_copy, name, damage):
    path = exported_copy / name
    if damage is None:
        path.unlink()
    else:
        path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match="Received: "):
        OnnxClassifier(exported_copy)


def _changed(content, **changes):
    return json.dumps({**json.loads(content), **changes}).encode()


@pytest.fixture
def exported_copy(classifier, tmp_path):
    onnx_model(classifier, tmp_path / "model")
    return tmp_path / "model"


def test_what_cannot_be_read(exported):
    model = exported["float32"]
    with pytest.raises(ValueError, match="type int"):
        model.predict(3)
    with pytest.raises(ValueError, match="all texts or all lists"):
        model.predict(["good", [1, 2]])
