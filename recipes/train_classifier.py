"""Stage 3: train a classifier on a fine-tuned language model.

Command:
    python -m recipes.train_classifier --preset=finetuned/preset \
        --train=train.csv --test=test.csv --output_dir=classifier
Hardware, minutes, result: see docs/RESULTS.md.

The classifier is written to OUTPUT_DIR/model.keras. The last line printed is
one JSON object with the error on the test table.
"""

import json
import time

from absl import app
from absl import flags

from recipes import common
from recipes import inputs
from recipes import training

FLAGS = flags.FLAGS
common.define_table_flags()
common.define_stage_flags()
common.define_classifier_flags()
flags.adopt_module_key_flags(common)


def main(_):
    started = time.monotonic()
    output_dir = common.start()
    import keras

    from ulmfit_keras import data
    from ulmfit_keras import evaluation

    tables, _ = inputs.read_tables()
    inputs.check_labels(tables)
    language_model = inputs.load_language_model()
    classifier, history = training.train_classifier(
        language_model, tables, output_dir
    )
    classifier.save(output_dir / "model.keras")
    test = tables["test"]
    metrics = evaluation.prediction_metrics(
        data.encode_labels(test, classifier.labels, FLAGS.problem_type),
        classifier.predict(test.texts),
        classifier.labels,
        FLAGS.problem_type,
    )
    print(
        json.dumps(
            {
                "test_error": metrics.get("test_error"),
                "macro_f1": metrics.get("macro_f1"),
                "epochs": len(history.epoch),
                "seconds": round(time.monotonic() - started, 1),
                "train_rows": len(tables["train"]),
                "test_rows": len(test),
                "backend": keras.backend.backend(),
            }
        )
    )


if __name__ == "__main__":
    app.run(main)
