"""Write a trained classifier as a SavedModel for TensorFlow Serving.

Command:
    python -m recipes.export_savedmodel \
        --model=outputs/model.keras --output_dir=served --version=1
    tensorflow_model_server --rest_api_port=8501 \
        --model_base_path=$PWD/served
    curl localhost:8501/v1/models/default:predict \
        -d '{"instances": ["A fine film."]}'
Hardware, minutes: half a minute on two CPU cores.
Result: OUTPUT_DIR/VERSION, and as the last line on stdout one JSON object
with `path`, `bytes` and `largest_difference`, by how much the SavedModel and
the classifier differ on a few texts: 1e-5 or less in float32.

The model may have been trained on any backend, and is loaded under any.
"""

import json
import pathlib

from absl import app
from absl import flags

from recipes import common

FLAGS = flags.FLAGS
flags.DEFINE_string(
    "model", None, "A .keras file or a preset folder.", required=True
)
flags.DEFINE_integer("version", 1, "Its number for the server.")

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


def main(_):
    output_dir = common.start()
    import numpy as np

    from ulmfit_keras import export

    classifier = load_classifier()
    path = output_dir / str(FLAGS.version)
    export.savedmodel(classifier, path)

    import tensorflow as tf

    served = tf.saved_model.load(str(path)).signatures["serving_default"]
    outputs = served(text=tf.constant(TEXTS))
    name = "values" if "values" in outputs else "probabilities"
    difference = outputs[name].numpy() - classifier.predict(TEXTS)
    files = [file for file in path.rglob("*") if file.is_file()]
    print(
        json.dumps(
            {
                "path": str(path),
                "bytes": sum(file.stat().st_size for file in files),
                "largest_difference": float(np.abs(difference).max()),
            }
        )
    )


if __name__ == "__main__":
    app.run(main)
