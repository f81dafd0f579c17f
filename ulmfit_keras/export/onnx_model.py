"""Writing a classifier as ONNX, for onnxruntime in any language."""

import json

from ulmfit_keras.export.inference_weights import directions
from ulmfit_keras.export.replaced_folder import replaced_folder

MODEL_FILE = "model.onnx"
DESCRIPTION_FILE = "classifier.json"
TOKENIZER_FOLDER = "tokenizer"
DTYPES = ("float32", "int8")


def onnx_model(classifier, path, dtype="float32"):
    """Write a classifier as an ONNX graph with its tokenizer beside it.

    On a CPU this is the fastest way to predict: in "int8" a single text of a
    model of the paper's size is answered in milliseconds; see
    docs/RESULTS.md. `OnnxClassifier` reads the folder and takes texts.

    The folder holds

    - `model.onnx`: inputs `token_ids`, int64 (B, T), padded on the right
      with anything, and `lengths`, int64 (B,), each at least 1; output
      `probabilities`, or for a regression `values`, float32 (B, C);
    - `tokenizer`: the files of the tokenizer;
    - `classifier.json`: names of the classes, problem type, tokenizer, the
      most tokens that are read, and `dtype`.

    In "int8" the word vectors and the LSTMs' matrices are integers with one
    scale for each row, a quarter of the size; the LSTMs' inputs are rounded
    to eight bits at every step, by the range of the batch. That needs
    onnxruntime (its `DynamicQuantizeLSTM`), and outputs differ a little, by
    how texts are batched, too: check them on texts of your own. "float32"
    needs nothing but the operations of ONNX, version 17.

    Args:
        classifier: an `AWDLSTMTextClassifier` or a
            `BidirectionalTextClassifier` with preprocessor, trained on any
            backend.
        path: folder to write, str or path. An ONNX model that is there is
            replaced, once the new one is complete.
        dtype: "float32" or "int8". Defaults to "float32".

    Raises:
        ImportError: if the package `onnx` is not installed.
        ValueError: if the classifier has no preprocessor or is quantized,
            `dtype` is unknown, or `path` is something else than an ONNX
            model of this package.

    Example:

    ```python
    onnx_model(classifier, "fast_classifier", dtype="int8")
    OnnxClassifier("fast_classifier").predict(["A fine film."])
    ```
    """
    if dtype not in DTYPES:
        raise ValueError(
            f"`dtype` must be one of {DTYPES}. Received: dtype={dtype!r}"
        )
    model = _graph_of(classifier, dtype)
    tokenizer = classifier.preprocessor.tokenizer
    description = {
        "labels": classifier.labels,
        "problem_type": classifier.problem_type,
        "tokenizer": type(tokenizer).__name__,
        "sequence_length": classifier.preprocessor.sequence_length,
        "dtype": dtype,
    }
    # Other programs write a `model.onnx`, too.
    contents = (DESCRIPTION_FILE, MODEL_FILE, TOKENIZER_FOLDER)
    with replaced_folder(path, contents, "ONNX model") as folder:
        (folder / MODEL_FILE).write_bytes(model.SerializeToString())
        (folder / TOKENIZER_FOLDER).mkdir()
        tokenizer.save_assets(str(folder / TOKENIZER_FOLDER))
        (folder / DESCRIPTION_FILE).write_text(
            json.dumps(description, indent=1, ensure_ascii=False), "utf-8"
        )


def _graph_of(classifier, dtype):
    try:
        import onnx
    except ImportError as error:
        raise ImportError(
            "Exporting to ONNX needs the onnx package: "
            '`pip install "ulmfit_keras[onnx]"`.'
        ) from error
    from ulmfit_keras.export import onnx_graph

    graph = onnx_graph.Graph(is_int8=dtype == "int8")
    outputs = [
        onnx_graph.add_classifier(graph, one, "token_ids", "lengths")
        for one in directions(classifier)
    ]
    is_regression = classifier.problem_type == "regression"
    name = "values" if is_regression else "probabilities"
    graph.nodes.append(onnx.helper.make_node("Mean", outputs, [name]))
    types = onnx.TensorProto
    return graph.model(
        [
            ("token_ids", types.INT64, ["batch", "length"]),
            ("lengths", types.INT64, ["batch"]),
        ],
        [(name, types.FLOAT, ["batch", classifier.num_classes])],
    )
