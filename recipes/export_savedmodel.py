"""Write a trained classifier as a SavedModel for TensorFlow Serving.

Command:
    python -m recipes.export_savedmodel \
        --model=outputs/model.keras --output_dir=served --version=1
    tensorflow_model_server --rest_api_port=8501 \
        --model_base_path=$PWD/served
    curl localhost:8501/v1/models/default:predict \
        -d '{"instances": ["A fine film."]}'
(The last two, a real TensorFlow Serving, have not been tried yet.)
Hardware, minutes: half a minute on two CPU cores (2026-11-21).
Result: OUTPUT_DIR/VERSION, and as the last line on stdout one JSON object
with `path`, `bytes` and `largest_difference`, by how much the SavedModel and
the classifier differ on a few texts: 1e-5 or less in float32.

The model may have been trained on any backend, and is loaded under any.
"""

import json

from absl import flags

from recipes import common
from recipes import trained

FLAGS = flags.FLAGS
flags.adopt_module_key_flags(common)
flags.adopt_module_key_flags(trained)
flags.DEFINE_integer("version", 1, "Its number for the server.", lower_bound=0)


def main(_):
    output_dir = common.start()
    from ulmfit_keras import export

    classifier = trained.load_classifier()
    path = output_dir / str(FLAGS.version)
    with common.user_errors():
        export.savedmodel(classifier, path)

    import tensorflow as tf

    served = tf.saved_model.load(str(path)).signatures["serving_default"]
    outputs = served(text=tf.constant(trained.TEXTS))
    name = "values" if "values" in outputs else "probabilities"
    expected = classifier.predict(trained.TEXTS)
    print(json.dumps(trained.comparison(path, outputs[name].numpy(), expected)))


if __name__ == "__main__":
    common.run(main)
