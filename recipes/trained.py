"""What recipes that export need: the classifier of the option --model."""

import pathlib
import zipfile

from absl import flags

from recipes import common

FLAGS = flags.FLAGS
flags.DEFINE_string(
    "model", None, "A .keras file or a preset folder.", required=True
)

# To compare what was exported with the classifier.
TEXTS = ["", "A fine film.", "Not worth the time! " * 100]


@common.user_errors()
def load_classifier():
    """The classifier in a .keras file or a preset folder."""
    import keras

    from ulmfit_keras import models

    path = pathlib.Path(FLAGS.model)
    if path.suffix == ".keras":
        try:
            model = keras.saving.load_model(path, compile=False)
        except (zipfile.BadZipFile, KeyError) as error:
            raise ValueError(
                "--model must be a whole .keras file: this one is damaged, get "
                f"or train it again. Received: {path} ({error})"
            ) from error
        if isinstance(
            model,
            (models.AWDLSTMTextClassifier, models.BidirectionalTextClassifier),
        ):
            return model
    elif (path / "backward").is_dir():
        return models.BidirectionalTextClassifier.from_preset(FLAGS.model)
    elif (path / "task.json").is_file():
        if "TextClassifier" in (path / "task.json").read_text("utf-8"):
            return models.AWDLSTMTextClassifier.from_preset(FLAGS.model)
    raise ValueError(
        "--model must be a trained classifier: the model.keras that "
        "classify_text leaves, or a folder written by its "
        f"`save_to_preset`. Received: {FLAGS.model}"
    )


def comparison(path, found, expected):
    """What both exports tell of the folder they wrote.

    Args:
        path: `pathlib.Path` of the folder.
        found: array, outputs of what was exported.
        expected: array, outputs of the classifier.

    Returns:
        A dict of `path`, `bytes` and `largest_difference`.
    """
    files = [file for file in path.rglob("*") if file.is_file()]
    return {
        "path": str(path),
        "bytes": sum(file.stat().st_size for file in files),
        "largest_difference": float(abs(found - expected).max()),
    }


def same_labels(found, expected, problem_type):
    """The share of rows that two arrays of outputs label alike, or None."""
    if problem_type == "regression":
        return None
    if problem_type == "multi_label":
        same = ((found >= 0.5) == (expected >= 0.5)).all(axis=-1)
    else:
        same = found.argmax(axis=-1) == expected.argmax(axis=-1)
    return float(same.mean())
