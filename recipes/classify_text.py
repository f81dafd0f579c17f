"""All three stages of ULMFiT: from a table of texts to a served classifier.

Command (built-in text: documentation of installed packages):
    python -m recipes.classify_text
Command (your own text):
    python -m recipes.classify_text --train=train.csv --test=test.csv \
        --unlabeled=more.csv --text_column=review --label_column=stars
Hardware, minutes, result: the built-in text took 5.3 minutes on an idle Xeon,
test error 22.4 %, TF-IDF 21.1 %, one run (2026-11-23); more, and other texts,
in docs/RESULTS.md.

Stage 1 is done: a pretrained language model is loaded. Stage 2 fine-tunes it
on the texts of all tables but the test table, stage 3 trains a classifier on
top. With --backward_preset a second model goes through both stages, and the
classifier is the average of the two. OUTPUT_DIR then holds metrics.json,
predictions.csv, report.html, model.keras and savedmodel/1; the last line
printed is one JSON object. OUTPUT_DIR/language_model, and with two directions
OUTPUT_DIR/backward_language_model, are what stage 2 made: another classifier
needs no stage 2 with --preset=OUTPUT_DIR/language_model --lm_epochs=0.

With few labels, name words for each class and what stands before them:
        --class_words=neg=bad,boring,worst --class_words=pos=good,great,best \
        --prompt="This is a"
Labels of unlabelled texts are then guessed (OUTPUT_DIR/guesses.csv), and the
classifier is trained on them first, then on the labels among some of them.
"""

import csv
import functools
import importlib.util
import json
import pathlib
import time

from absl import flags

from recipes import common
from recipes import guessing
from recipes import outputs
from recipes import preparation
from recipes import training

FLAGS = flags.FLAGS
BUILTIN_TITLE = "Which package was this passage written for?"
common.define_table_flags()
common.define_stage_flags()
common.define_language_model_flags()
common.define_classifier_flags()
guessing.define_flags()
flags.adopt_module_key_flags(guessing)
flags.adopt_module_key_flags(common)


def chosen_label(row, labels):
    """What a row of probabilities says, as it stands in predictions.csv."""
    if FLAGS.problem_type == "multi_label":
        return FLAGS.label_delimiter.join(
            label for label, p in zip(labels, row, strict=True) if p >= 0.5
        )
    return labels[row.argmax()]


def write_predictions(path, table, predictions, labels):
    """One row a text: text, truth, prediction, a probability per class.

    The column of a class has its name, `p(text)` where there is such a column.
    """
    names = ["text", "truth", "prediction"]
    names += [f"p({x})" if x in names else x for x in labels or []]
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        for text, truth, row in zip(
            table.texts, table.labels, predictions, strict=True
        ):
            if isinstance(truth, list):
                truth = FLAGS.label_delimiter.join(truth)
            numbers = [f"{number:.6g}" for number in row]
            if labels is not None:
                numbers.insert(0, chosen_label(row, labels))
            writer.writerow([text, truth, *numbers])


def language_model_path(output_dir, language_model):
    """Where the language model of stage 2 is kept."""
    name = training.stage_name("language model", language_model)
    return output_dir / name.replace(" ", "_")


def finetune(language_model, tables, output_dir, histories):
    """Stage 2, whose model is kept; returns what became of the vocabulary."""
    name = training.stage_name("language model", language_model)
    print(f"\nStage 2: fine-tuning the {name}")
    began = time.monotonic()
    history = training.finetune_language_model(
        language_model, tables, output_dir
    )
    histories.append(record(name, history, began))
    path = language_model_path(output_dir, language_model)
    outputs.save_preset(language_model, path)
    print(f"The {name} is kept in {path}")
    return str(history.vocabulary_transfer)


def train_classifier(language_model, tables, guesses, output_dir, histories):
    """Stage 3, on `guesses` first unless None; returns the classifier."""

    def train(kind, train_stage, start, rows, **options):
        name = training.stage_name(kind, language_model)
        print(f"\nStage 3: training the {name}")
        began = time.monotonic()
        classifier, history = train_stage(start, rows, output_dir, **options)
        histories.append(record(name, history, began))
        return classifier

    start, arrange = language_model, None
    if guesses is not None:
        start = train(
            "classifier of guesses", guessing.train_classifier, start, guesses
        )
        arrange = functools.partial(guessing.among_guesses, guesses=guesses)
    stage = training.train_classifier
    return train("classifier", stage, start, tables, arrange=arrange)


def record(name, history, began):
    """What the report shows of a `fit` that began at some time."""
    return {
        "name": name.capitalize(),
        "history": history.history,
        "seconds": time.monotonic() - began,
        "step_learning_rates": training.step_learning_rates(history),
    }


def errors_alone(truth, parts, labels):
    """Test error of each direction by itself, if there are two.

    Args:
        truth: see `evaluation.prediction_metrics`.
        parts: the predictions of each direction.
        labels: names of the classes.

    Returns:
        dict of `forward_test_error` and `backward_test_error`; empty for one
        direction and for numbers.
    """
    from ulmfit_keras import evaluation

    if len(parts) == 1 or FLAGS.problem_type == "regression":
        return {}
    return {
        f"{direction}_test_error": evaluation.prediction_metrics(
            truth, part, labels, FLAGS.problem_type
        )["test_error"]
        for direction, part in zip(("forward", "backward"), parts, strict=True)
    }


def reading_notes(report):
    """What a reader of the test figures must know of the data."""
    notes = []
    if "no test table" in report["changes"]:
        notes.append(f"No test table: {report['changes']['no test table']}.")
    for pair in report["overlap"]:
        splits = pair["first"], pair["second"]
        if splits == ("train", "test") and pair["texts"]:
            notes.append(
                f"{pair['rows']:,} of the test rows ({pair['share']:.1%}) "
                "have a text that is in the training rows, too."
            )
    return notes + preparation.prediction_notes()


def shown_settings():
    """The options for the report, with the settings' values where none is."""
    modules = [common, guessing] if FLAGS.class_words else [common]
    given = {
        flag.name: flag.value
        for module in modules
        for flag in FLAGS.get_key_flags_for_module(module)
        if flag.value is not None
    }
    return given | training.settings_in_use()


@common.user_errors()
def check_served(path):
    """Find out whether the SavedModel can be written, before training."""
    from ulmfit_keras.export.replaced_folder import check_replaceable
    from ulmfit_keras.export.saved_model import CONTENTS

    check_replaceable(path, CONTENTS, "SavedModel")


def main(_):
    started = time.monotonic()
    output_dir = common.start(writes=True)
    preparation.check_packages("sklearn", "matplotlib")
    served = output_dir / "savedmodel" / "1"
    check_served(served)
    training.check_language_model_options()
    import keras
    import numpy as np

    import ulmfit_keras as ulmfit
    from ulmfit_keras import data
    from ulmfit_keras import evaluation

    tables, language_models, report = preparation.prepare()
    train, test = tables["train"], tables["test"]

    guessing.check_options(tables, language_models)
    guesses, histories = None, []
    if FLAGS.lm_epochs:
        for model in language_models:
            outputs.check_preset(language_model_path(output_dir, model))
        for language_model in language_models:
            report["changes"]["vocabulary"] = finetune(
                language_model, tables, output_dir, histories
            )
    if FLAGS.class_words:
        guesses = guessing.guess(language_models, tables, output_dir)
        report["changes"]["labels guessed"] = f"{len(guesses[0]):,} texts"
    classifiers = [
        train_classifier(language_model, tables, guesses, output_dir, histories)
        for language_model in language_models
    ]
    classifier = training.average_of(classifiers)
    # Before what may fail, so that the training is not lost.
    outputs.save_classifier(classifier, output_dir / "model.keras")

    print(f"\nPredicting {len(test):,} test texts")
    # Once, since both directions read the same token ids.
    documents = classifier.preprocessor.token_ids(test.texts)
    parts = [part.predict(documents, verbose=1) for part in classifiers]
    # As the classifier itself averages two directions.
    predictions = np.mean(parts, axis=0)
    labels = classifier.labels

    def targets(table):
        return data.encode_labels(table, labels, FLAGS.problem_type)

    truth = targets(test)
    metrics = evaluation.prediction_metrics(
        truth, predictions, labels, FLAGS.problem_type
    )
    alone = errors_alone(truth, parts, labels)
    print("Training TF-IDF with a linear model to compare with")
    baseline, baseline_predictions = evaluation.tfidf_baseline(
        train.texts,
        targets(train),
        test.texts,
        truth,
        labels,
        FLAGS.problem_type,
        seed=FLAGS.seed,
    )
    print("Looking for the words behind the predictions")
    words = evaluation.explain_shown_rows(
        functools.partial(classifier.predict, verbose=1),
        test.texts,
        truth,
        predictions,
        metrics,
    )

    print("Writing the results")
    train_part, valid_part = training.labelled_parts(tables)
    facts = {
        "train_rows": len(train_part),
        "validation_rows": valid_part and len(valid_part),
        "seconds": sum(stage["seconds"] for stage in histories),
    }
    write_predictions(output_dir / "predictions.csv", test, predictions, labels)
    evaluation.write_report(
        output_dir / "report.html",
        pathlib.Path(FLAGS.train).name if FLAGS.train else BUILTIN_TITLE,
        test.texts,
        truth,
        predictions,
        metrics | facts | alone,
        labels,
        baseline,
        baseline_predictions,
        histories,
        report,
        shown_settings(),
        words,
        reading_notes(report),
        # Built-in passages have no rows that a reader could look up.
        [f"{row} of {test.source}" for row in test.rows]
        if FLAGS.train
        else None,
    )
    summary = {
        **preparation.main_figures(metrics),
        **alone,
        "baseline_test_error": baseline.get("test_error"),
        "seconds": round(time.monotonic() - started, 1),
        "train_rows": len(train),
        "test_rows": len(test),
        "backend": keras.backend.backend(),
        "seed": FLAGS.seed,
    }
    with open(output_dir / "metrics.json", "w", encoding="utf-8") as file:
        json.dump(
            {**summary, "metrics": metrics, "baseline": baseline},
            file,
            indent=1,
        )
    if importlib.util.find_spec("tensorflow"):
        print("Writing the SavedModel")
        ulmfit.export.savedmodel(classifier, served)
    else:
        print("No SavedModel was written: that needs TensorFlow.")
    for note in preparation.prediction_notes():
        print(f"NOTE: {note}")
    print(json.dumps(summary))


if __name__ == "__main__":
    common.run(main)
