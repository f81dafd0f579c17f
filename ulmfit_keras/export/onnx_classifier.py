"""Predicting with a classifier in ONNX."""

import json
import pathlib

import numpy as np

from ulmfit_keras import text
from ulmfit_keras.data import LengthBuckets
from ulmfit_keras.export.onnx_model import DESCRIPTION_FILE
from ulmfit_keras.export.onnx_model import MODEL_FILE
from ulmfit_keras.export.onnx_model import TOKENIZER_FOLDER
from ulmfit_keras.models import AWDLSTMTextClassifierPreprocessor
from ulmfit_keras.models.documents import as_documents
from ulmfit_keras.models.documents import document_ids
from ulmfit_keras.models.problem_type import PROBLEM_TYPES

_TOKENIZERS = {
    "WordTokenizer": text.WordTokenizer,
    "SentencePieceTokenizer": text.SentencePieceTokenizer,
}


class OnnxClassifier:
    """A classifier that `onnx_model` wrote, run by onnxruntime.

    Args:
        path: the folder, str or path.
        num_threads: int, threads in one operation. Defaults to 0: one for
            each core.

    Attributes:
        labels: list of str, names of the classes, or None.
        problem_type: "single_label", "multi_label" or "regression".
        preprocessor: an `AWDLSTMTextClassifierPreprocessor`.

    Raises:
        ImportError: if the package `onnxruntime` is not installed.
        ValueError: if the folder holds no such model.

    Example:

    ```python
    classifier = OnnxClassifier("fast_classifier")
    probabilities = classifier.predict(["A fine film."])
    classifier.labels[probabilities[0].argmax()]
    ```
    """

    def __init__(self, path, num_threads=0):
        try:
            import onnxruntime
        except ImportError as error:
            raise ImportError(
                "An ONNX model runs in the onnxruntime package: "
                '`pip install "ulmfit_keras[onnx]"`.'
            ) from error
        path = pathlib.Path(path)
        missing = [
            name
            for name in (MODEL_FILE, DESCRIPTION_FILE, TOKENIZER_FOLDER)
            if not (path / name).exists()
        ]
        if missing:
            raise ValueError(
                "`path` must be a folder that `export.onnx_model` wrote. "
                f"Received: path={str(path)!r}, which lacks {missing}"
            )
        description = _read_description(path / DESCRIPTION_FILE)
        self.labels = description["labels"]
        self.problem_type = description["problem_type"]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = num_threads
        try:
            tokenizer = _TOKENIZERS[description["tokenizer"]]()
            tokenizer.load_assets(str(path / TOKENIZER_FOLDER))
            self.session = onnxruntime.InferenceSession(
                str(path / MODEL_FILE),
                options,
                providers=["CPUExecutionProvider"],
            )
        # onnxruntime's own errors have no class in common but this.
        except Exception as error:
            raise ValueError(
                f"The model in {path} is damaged; export it again. "
                f"Received: {type(error).__name__}: {error}"
            ) from error
        self.preprocessor = AWDLSTMTextClassifierPreprocessor(
            tokenizer, sequence_length=description["sequence_length"]
        )
        columns = self.session.get_outputs()[0].shape[1]
        if self.labels is not None and len(self.labels) != columns:
            raise ValueError(
                f"{path / DESCRIPTION_FILE} must name the {columns} classes of "
                f"the model; export it again. Received: {self.labels}"
            )

    def predict(self, x, batch_size=32):
        """Probabilities for texts, in their order.

        Args:
            x: a list or array of texts, one text, or a list of documents as
                token ids, each opening with `xxbos`.
            batch_size: int, most texts in a batch, at least 1. Defaults to
                32.

        Returns:
            float32 array (texts, C).

        Raises:
            ValueError: for anything else.
        """
        documents = as_documents(x)
        if documents is None:
            raise ValueError(
                "`x` must be texts or lists of token ids. "
                f"Received: an object of type {type(x).__name__}"
            )
        if not documents:
            columns = self.session.get_outputs()[0].shape[1]
            return np.zeros((0, columns), "float32")
        batches = LengthBuckets(
            document_ids(documents, self.preprocessor), batch_size=batch_size
        )
        outputs = [
            self._predict_batch(batches[index]) for index in range(len(batches))
        ]
        return batches.restore(np.concatenate(outputs))

    def _predict_batch(self, batch):
        lengths = batch["padding_mask"].sum(axis=1, dtype="int64")
        token_ids = batch["token_ids"][:, : lengths.max()].astype("int64")
        (outputs,) = self.session.run(
            None, {"token_ids": token_ids, "lengths": lengths}
        )
        return outputs


def _read_description(path):
    """The dict in `classifier.json`, with all that this class needs."""
    try:
        found = json.loads(path.read_text("utf-8"))
        labels, length = found["labels"], found["sequence_length"]
        usable = (
            found["tokenizer"] in _TOKENIZERS
            and found["problem_type"] in PROBLEM_TYPES
            and isinstance(labels, list | None)
            and isinstance(length, int)
            and length > 0
        )
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(
            f"{path} is damaged; export the model again. "
            f"Received: {type(error).__name__}: {error}"
        ) from error
    if not usable:
        raise ValueError(
            f"{path} must name a tokenizer of {sorted(_TOKENIZERS)}, a problem "
            f"type of {sorted(PROBLEM_TYPES)}, labels and a sequence length. "
            f"Received: {found}"
        )
    return found
