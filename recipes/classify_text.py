"""All three stages of ULMFiT: from a table of texts to a served classifier.

Command (built-in text: documentation of installed packages):
    python -m recipes.classify_text
Command (your own text):
    python -m recipes.classify_text --train=train.csv --test=test.csv \
        --unlabeled=more.csv --text_column=review --label_column=stars
Hardware, minutes, result: see docs/RESULTS.md.

Stage 1 is done: a pretrained language model is loaded. Stage 2 fine-tunes it
on the texts of all tables but the test table, stage 3 trains a classifier on
top. OUTPUT_DIR then holds metrics.json, predictions.csv, report.html,
model.keras and savedmodel/1; the last line printed is one JSON object.
"""

import csv
import json
import time

from absl import app
from absl import flags

from recipes import common

FLAGS = flags.FLAGS
common.define_table_flags()
common.define_training_flags()
flags.DEFINE_string(
    "test", None, "Table to report on. Defaults to a part of --train."
)
flags.DEFINE_float(
    "test_fraction", 0.2, "How large a part, where there is no --test."
)
flags.DEFINE_string("preset", "awd_lstm_small_en", "Language model.")
flags.DEFINE_integer("lm_epochs", 3, "Most epochs of stage 2.")
flags.DEFINE_integer("classifier_epochs", 8, "Most epochs of stage 3.")
flags.DEFINE_integer(
    "max_length", 1400, "Tokens of a document that gradients flow through."
)
flags.DEFINE_integer(
    "max_tokens", 4000, "Tokens of a document that are read at all."
)
flags.DEFINE_float("lm_learning_rate", None, "In place of the setting's.")
flags.DEFINE_float(
    "classifier_learning_rate", None, "In place of the setting's."
)
flags.DEFINE_string("unfreezing", None, "In place of the setting's plan.")
flags.DEFINE_bool("balanced", False, "Give all classes the same weight.")
flags.DEFINE_integer(
    "train_rows", None, "Use so many labelled rows; the rest is unlabelled."
)


def read_tables():
    """The tables: train, test, unlabeled or None, and remarks on them."""
    from ulmfit_keras import data

    if FLAGS.train is None:
        passages = data.builtin_passages()
        return passages.train, passages.test, passages.unlabeled, []
    public = data.PUBLIC_SETS
    if FLAGS.train in public:
        tables = data.load_public(FLAGS.train, FLAGS.data_dir)
        return tables["train"], tables["test"], tables.get("unlabeled"), []
    unlabeled = FLAGS.unlabeled and common.read_table(
        FLAGS.unlabeled, with_labels=False
    )
    train = common.read_table(FLAGS.train)
    if FLAGS.test:
        return train, common.read_table(FLAGS.test), unlabeled, []
    rest, held_out = data.stratified_split(
        train, FLAGS.test_fraction, FLAGS.seed
    )
    note = (
        f"No test table was given: {len(held_out):,} of {len(train):,} rows, "
        "drawn at random from each class, are the test rows."
    )
    return rest, held_out, unlabeled, [note]


def write_predictions(path, table, probabilities, labels):
    """One row a text: text, truth, prediction, a column per class."""
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        if labels is None:
            writer.writerow(["text", "truth", "prediction"])
            for text, truth, row in zip(
                table.texts, table.labels, probabilities, strict=True
            ):
                writer.writerow([text, truth, *row])
            return
        writer.writerow(["text", "truth", "prediction", *labels])
        for text, truth, row in zip(
            table.texts, table.labels, probabilities, strict=True
        ):
            if FLAGS.problem_type == "multi_label":
                truth = ";".join(truth)
                chosen = ";".join(
                    label
                    for label, p in zip(labels, row, strict=True)
                    if p >= 0.5
                )
            else:
                chosen = labels[row.argmax()]
            writer.writerow([text, truth, chosen, *(f"{p:.6g}" for p in row)])


def main(_):
    started = time.monotonic()
    output_dir = common.start()
    import keras

    import ulmfit_keras as ulmfit
    from ulmfit_keras import data
    from ulmfit_keras import evaluation

    keras.config.set_dtype_policy(FLAGS.dtype)
    train, test, unlabeled, notes = read_tables()
    extra_texts = unlabeled.texts if unlabeled is not None else []
    if FLAGS.train_rows is not None:
        share = 1 - FLAGS.train_rows / len(train)
        train, rest = data.stratified_split(train, share, FLAGS.seed)
        extra_texts = [*rest.texts, *extra_texts]

    language_model = ulmfit.models.AWDLSTMCausalLM.from_preset(FLAGS.preset)
    report = data.data_report(
        {"train": train, "test": test},
        tokenizer=language_model.preprocessor.tokenizer,
        max_tokens=FLAGS.max_tokens,
    )
    print(data.format_report(report))
    for note in notes:
        print(note)

    histories = []
    if FLAGS.lm_epochs:
        print("\nStage 2: fine-tuning the language model")
        began = time.monotonic()
        history = ulmfit.finetune_language_model(
            language_model,
            [*train.texts, *extra_texts],
            validation_fraction=FLAGS.validation_fraction,
            epochs=FLAGS.lm_epochs,
            settings=FLAGS.settings,
            learning_rate=FLAGS.lm_learning_rate,
            dropout_multiplier=FLAGS.dropout_multiplier,
            callbacks=common.training_callbacks(output_dir, "language_model"),
            seed=FLAGS.seed,
        )
        report["vocabulary"] = str(history.vocabulary_transfer)
        histories.append(
            {
                "name": "Language model",
                "history": history.history,
                "seconds": time.monotonic() - began,
            }
        )

    print("\nStage 3: training the classifier")
    began = time.monotonic()
    recorded = keras.callbacks.History()
    classifier = ulmfit.train_classifier(
        language_model,
        train.texts,
        train.labels,
        validation_fraction=FLAGS.validation_fraction,
        problem_type=FLAGS.problem_type,
        epochs=FLAGS.classifier_epochs,
        settings=FLAGS.settings,
        learning_rate=FLAGS.classifier_learning_rate,
        batch_size=FLAGS.batch_size,
        max_length=FLAGS.max_length,
        max_tokens=FLAGS.max_tokens,
        unfreezing=FLAGS.unfreezing,
        dropout_multiplier=FLAGS.dropout_multiplier,
        class_weight="balanced" if FLAGS.balanced else None,
        callbacks=[
            *common.training_callbacks(output_dir, "classifier"),
            recorded,
        ],
        seed=FLAGS.seed,
    )
    histories.append(
        {
            "name": "Classifier",
            "history": recorded.history,
            "seconds": time.monotonic() - began,
        }
    )

    print("\nPredicting, and comparing with TF-IDF and logistic regression")
    predictions = classifier.predict(test.texts)
    labels = classifier.labels
    truth = data.encode_labels(test.labels, labels, FLAGS.problem_type)
    metrics = evaluation.prediction_metrics(
        truth, predictions, labels, FLAGS.problem_type
    )
    baseline, baseline_predictions = evaluation.tfidf_baseline(
        train.texts,
        data.encode_labels(train.labels, labels, FLAGS.problem_type),
        test.texts,
        truth,
        labels=labels,
        problem_type=FLAGS.problem_type,
        seed=FLAGS.seed,
    )
    words = evaluation.explain_shown_rows(
        classifier.predict, test.texts, truth, predictions, metrics
    )

    print("Writing the results")
    summary = {
        "test_error": metrics.get("test_error"),
        "macro_f1": metrics.get("macro_f1"),
        "baseline_test_error": baseline.get("test_error"),
        "seconds": round(time.monotonic() - started, 1),
        "train_rows": len(train),
        "test_rows": len(test),
        "unlabeled_rows": len(extra_texts),
        "backend": keras.backend.backend(),
        "seed": FLAGS.seed,
    }
    write_predictions(output_dir / "predictions.csv", test, predictions, labels)
    evaluation.write_report(
        output_dir / "report.html",
        FLAGS.train or "Which package was this written for?",
        test.texts,
        truth,
        predictions,
        {**metrics, "seconds": summary["seconds"], "train_rows": len(train)},
        labels,
        baseline,
        baseline_predictions,
        histories,
        report,
        FLAGS.flag_values_dict(),
        words,
        notes,
    )
    classifier.save(output_dir / "model.keras")
    ulmfit.export.savedmodel(classifier, output_dir / "savedmodel" / "1")
    summary["seconds"] = round(time.monotonic() - started, 1)
    with open(output_dir / "metrics.json", "w", encoding="utf-8") as file:
        json.dump(
            {**summary, "metrics": metrics, "baseline": baseline},
            file,
            indent=1,
        )
    print(json.dumps(summary))


if __name__ == "__main__":
    app.run(main)
