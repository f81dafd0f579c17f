"""Stage 3: train a classifier on a fine-tuned language model.

Command:
    python -m recipes.train_classifier --preset=finetuned/preset \
        --train=train.csv --test=test.csv --output_dir=classifier
Hardware, minutes, result: TREC-6 after stage 2, forward, one core of an AMD
EPYC, 6 to 7 minutes: test error 4.1 ± 0.6 %, three seeds (2026-11-23); more in
docs/RESULTS.md.

The classifier is written to OUTPUT_DIR/model.keras. The last line printed is
one JSON object with the error on the test table. With --backward_preset, two
classifiers are trained, and the model is the average of both.
"""

import json
import time

from absl import flags

from recipes import common
from recipes import outputs
from recipes import preparation
from recipes import training

FLAGS = flags.FLAGS
common.define_table_flags()
common.define_stage_flags()
common.define_classifier_flags()
flags.adopt_module_key_flags(common)


def main(_):
    started = time.monotonic()
    output_dir = common.start(writes=True)
    preparation.check_packages("sklearn")
    import keras

    from ulmfit_keras import data
    from ulmfit_keras import evaluation

    tables, language_models, _ = preparation.prepare()
    classifiers, histories = zip(
        *(
            training.train_classifier(language_model, tables, output_dir)
            for language_model in language_models
        ),
        strict=True,
    )
    classifier = training.average_of(classifiers)
    outputs.save_classifier(classifier, output_dir / "model.keras")
    test = tables["test"]
    print(f"\nPredicting {len(test):,} test texts")
    metrics = evaluation.prediction_metrics(
        data.encode_labels(test, classifier.labels, FLAGS.problem_type),
        classifier.predict(test.texts, verbose=1),
        classifier.labels,
        FLAGS.problem_type,
    )
    for note in preparation.prediction_notes():
        print(f"NOTE: {note}")
    print(
        json.dumps(
            {
                **preparation.main_figures(metrics),
                "epochs": sum(len(history.epoch) for history in histories),
                "seconds": round(time.monotonic() - started, 1),
                "train_rows": len(tables["train"]),
                "test_rows": len(test),
                "backend": keras.backend.backend(),
            }
        )
    )


if __name__ == "__main__":
    common.run(main)
