"""All stages where a row has several labels, or a number."""

import csv
import json

import keras
import numpy as np
import pytest

from recipes import trained

pytest.importorskip("tensorflow", reason="the recipe ends with a SavedModel")


def write_table(path, label_of):
    """A table of 24 films, good or bad and short or long."""
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["review", "stars"])
        for row in range(24):
            good, long = row % 2 == 0, row % 3 == 0
            words = ["good" if good else "bad", "film", *["very"] * (9 * long)]
            writer.writerow([" ".join(words), label_of(good, long)])
    return path


@pytest.fixture
def run_on(run_recipe, classifier_options, tmp_path):
    """run_on(problem_type, label_of): (run, rows of predictions.csv)."""

    def run_on(problem_type, label_of):
        table = write_table(tmp_path / "films.csv", label_of)
        run = run_recipe(
            "classify_text",
            **{**classifier_options, "train": table, "test": table},
            problem_type=problem_type,
            lm_epochs=0,
            output_dir=tmp_path,
        )
        assert run.code == 0, run.stderr
        with open(tmp_path / "predictions.csv", encoding="utf-8") as file:
            return run, list(csv.DictReader(file))

    return run_on


def saved_predictions(folder, rows):
    model = keras.saving.load_model(folder / "model.keras", compile=False)
    return model.predict([row["text"] for row in rows])


def test_several_labels(run_on, tmp_path):
    run, rows = run_on(
        "multi_label",
        lambda good, long: ";".join(["good"] * good + ["long"] * long),
    )
    assert list(rows[0]) == ["text", "truth", "prediction", "good", "long"]
    assert {r["truth"] for r in rows} == {"good;long", "good", "long", ""}
    names = np.array(["good", "long"])
    found = saved_predictions(tmp_path, rows)
    for row, probabilities in zip(rows, found, strict=True):
        written = [float(row[name]) for name in names]
        np.testing.assert_allclose(written, probabilities, atol=1e-5)
        assert row["prediction"] == ";".join(names[probabilities >= 0.5])
    wrong = np.mean([row["truth"] != row["prediction"] for row in rows])
    assert run.summary["test_error"] == pytest.approx(wrong)
    assert 0 <= run.summary["macro_f1"] <= 1
    assert "good" in (tmp_path / "report.html").read_text("utf-8")


def test_numbers(run_on, tmp_path):
    run, rows = run_on("regression", lambda good, long: 1.5 + 2 * good + long)
    assert list(rows[0]) == ["text", "truth", "prediction"]
    predicted = np.array([row["prediction"] for row in rows], float)
    found = saved_predictions(tmp_path, rows)
    np.testing.assert_allclose(predicted, found[:, 0], rtol=1e-4)
    truth = np.array([row["truth"] for row in rows], float)
    assert set(truth) == {1.5, 2.5, 3.5, 4.5}
    metrics = json.loads((tmp_path / "metrics.json").read_text("utf-8"))
    error = np.mean(np.abs(truth - predicted))
    assert metrics["metrics"]["mean_absolute_error"] == pytest.approx(
        error, rel=1e-3
    )
    # There is no share of wrong answers where answers are numbers.
    assert run.summary["test_error"] is None
    assert run.summary["mean_absolute_error"] == pytest.approx(error, rel=1e-3)
    assert run.summary["r2"] == metrics["metrics"]["r2"]


def test_labels_that_an_export_changes():
    one, other = np.array([[0.1, 0.6, 0.7]]), np.array([[0.4, 0.7, 0.6]])
    assert trained.same_labels(one, other, "single_label") == 0
    assert trained.same_labels(one, other, "multi_label") == 1
    assert trained.same_labels(one, one + 0.4, "single_label") == 1
    assert trained.same_labels(one, one + 0.4, "multi_label") == 0
    assert trained.same_labels(one[:, :1], other[:, :1], "regression") is None
