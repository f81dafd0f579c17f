"""What recipes that export need: the classifier of the option --model."""

import pathlib

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

    if FLAGS.model.endswith(".keras"):
        return keras.saving.load_model(FLAGS.model, compile=False)
    if (pathlib.Path(FLAGS.model) / "backward").is_dir():
        return models.BidirectionalTextClassifier.from_preset(FLAGS.model)
    task = pathlib.Path(FLAGS.model, "task.json")
    if not task.is_file() or "TextClassifier" not in task.read_text("utf-8"):
        raise ValueError(
            "--model must be a trained classifier: the model.keras that "
            "classify_text leaves, or a folder written by its "
            f"`save_to_preset`. Received: {FLAGS.model}"
        )
    return models.AWDLSTMTextClassifier.from_preset(FLAGS.model)


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
