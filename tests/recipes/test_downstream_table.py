"""The table of errors by data set and method."""

import pytest

from recipes import downstream_table


def test_a_cell_tells_mean_spread_and_seeds():
    assert downstream_table.cell([0.05, 0.07]) == "6.0 ± 1.4 (5.0, 7.0)"
    assert downstream_table.cell([0.0512]) == "5.1"


def test_the_table_has_a_line_for_each_row():
    errors = {
        "trec": {"TF-IDF": [0.1], "scratch": [0.2]},
        "imdb-100": {"TF-IDF": [0.3], "scratch": [0.4]},
    }
    assert downstream_table.markdown(errors).splitlines() == [
        "|  | TF-IDF | scratch |",
        "| --- | --- | --- |",
        "| trec | 10.0 | 20.0 |",
        "| imdb-100 | 30.0 | 40.0 |",
    ]


def test_what_is_through_is_not_run_again(tmp_path):
    path = tmp_path / "runs" / "a.json"
    assert downstream_table.kept(path, lambda: {"test_error": 0.1}) == {
        "test_error": 0.1
    }
    assert downstream_table.kept(path, pytest.fail) == {"test_error": 0.1}


def test_a_table_from_random_weights(run_recipe, folder, presets, tmp_path):
    """A real run of the shortest kind, and what a second call adds to it."""
    for split in ("train", "test"):
        table = (folder / f"{split}.csv").read_text("utf-8")
        path = tmp_path / "data" / "trec" / f"{split}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        table = table.replace("review,stars", "text,label", 1)
        path.write_text(table, encoding="utf-8")
    options = {
        "data_dir": tmp_path / "data",
        "preset": presets / "forward",
        "row": "trec",
        "method": "scratch",
        "seeds": 1,
        "options": "--classifier_epochs=1 --max_tokens=20 --settings=small",
        "output_dir": tmp_path / "out",
    }
    summary = run_recipe("downstream_table", **options).summary
    assert set(summary["trec"]) == {"TF-IDF", "scratch"}
    assert 0 <= summary["trec"]["scratch"][0] <= 1
    kept = sorted((tmp_path / "out" / "runs").iterdir())
    assert [path.name for path in kept] == ["trec-scratch-0.json"]
    assert "| trec |" in (tmp_path / "out" / "table.md").read_text()
    run = run_recipe("downstream_table", **options, backward_preset="other")
    assert run.code != 0
    assert "--backward_preset go together" in run.stderr
