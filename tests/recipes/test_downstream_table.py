"""The table of errors by data set and method."""

import importlib.util
import json
import sys
from unittest import mock

import keras
import pytest

from recipes import downstream_table
from recipes import fastai_environment
from recipes import fastai_runs
from recipes import processes
from recipes import run_records
from ulmfit_keras import models


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
    assert processes.kept(path, lambda: {"test_error": 0.1}) == {
        "test_error": 0.1
    }
    assert processes.kept(path, pytest.fail) == {"test_error": 0.1}


@pytest.fixture
def options(folder, presets, tmp_path):
    """Options of the recipe, for a small set in the place of TREC."""
    for split in ("train", "test"):
        table = (folder / f"{split}.csv").read_text("utf-8")
        path = tmp_path / "data" / "trec" / f"{split}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        table = table.replace("review,stars", "text,label", 1)
        path.write_text(table, encoding="utf-8")
    return {
        "data_dir": tmp_path / "data",
        "preset": presets / "forward",
        "row": "trec",
        "seeds": 1,
        "output_dir": tmp_path / "out",
    }


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow",
    reason="the recipe only starts others, which are tested on each backend",
)
def test_a_table_from_random_weights(run_recipe, options):
    """A real run of the shortest kind."""
    summary = run_recipe(
        "downstream_table",
        **options,
        method="scratch",
        options="--classifier_epochs=1 --max_tokens=20 --settings=small",
    ).summary
    assert set(summary["trec"]) == {"TF-IDF", "scratch"}
    assert 0 <= summary["trec"]["scratch"][0] <= 1
    kept = sorted((options["output_dir"] / "runs").iterdir())
    assert [path.name for path in kept] == ["trec-scratch-0.json"]
    assert "| trec |" in (options["output_dir"] / "table.md").read_text()


def test_the_forward_half_of_both_directions_is_a_column(run_recipe, options):
    path = options["output_dir"] / "runs" / "trec-bidirectional-0.json"
    path.parent.mkdir(parents=True)
    path.write_text(
        '{"test_error": 0.1, "forward_test_error": 0.2,'
        ' "backward_test_error": 0.3, "baseline_test_error": 0.4}'
    )
    methods = path.with_name("methods.txt")
    methods.write_text("--method=bidirectional\n--method=finetuned\n")
    summary = run_recipe(
        "downstream_table",
        **options,
        flagfile=methods,
        backward_preset="none is read",
    ).summary
    assert summary["trec"] == {
        "TF-IDF": [0.4],
        "bidirectional": [0.1],
        "finetuned": [0.2],
    }


def test_runs_of_other_options_are_not_reported(run_recipe, options):
    path = options["output_dir"] / "runs" / "trec-scratch-0.json"
    path.parent.mkdir(parents=True)
    kept = {
        "preset": str(options["preset"]),
        "dtype": "bfloat16",
        "options": "",
    }
    path.write_text(
        json.dumps(
            {"test_error": 0.1, "baseline_test_error": 0.4, "options": kept}
        )
    )

    def table(**more):
        return run_recipe(
            "downstream_table", **{**options, "method": "scratch", **more}
        )

    errors = table(dtype="bfloat16").summary
    assert errors["trec"] == {"TF-IDF": [0.4], "scratch": [0.1]}
    # Seed 0, which is missing, would be run before.
    path.rename(path.with_name("trec-scratch-1.json"))
    run = table(options="--max_tokens=9", seeds=2)
    assert run.code == 1 and "Traceback" not in run.stderr
    received = (
        "Received: --dtype=float32 in place of bfloat16, "
        "--options=--max_tokens=9 in place of "
    )
    assert received in run.stderr


def test_a_stage_2_of_other_options_shows_first(run_recipe, options):
    path = options["output_dir"] / "runs" / "trec-stage_2-forward.json"
    path.parent.mkdir(parents=True)
    kept = {"preset": str(options["preset"]), "dtype": "bfloat16"}
    path.write_text(json.dumps({"options": kept}))
    run = run_recipe("downstream_table", **options, method="finetuned")
    assert run.code == 1 and "Traceback" not in run.stderr
    assert "Received: --dtype=float32 in place of bfloat16" in run.stderr


def test_options_of_stage_2_are_refused(run_recipe, options):
    run = run_recipe("downstream_table", "--options=--lm_epochs=2", **options)
    assert run.code == 1 and "recipes/downstream_settings.py" in run.stderr


def test_options_that_a_shell_could_not_read(run_recipe, options):
    run = run_recipe("downstream_table", '--options="--prompt=a', **options)
    assert run.code == 1 and "Traceback" not in run.stderr
    assert "quotation mark closed: No closing quotation" in run.stderr


def test_what_a_run_was_started_with_is_kept(tmp_path):
    path = tmp_path / "a.json"
    found = run_records.kept(path, lambda: {"test_error": 0.1}, {"seed": 1})
    assert found == {"test_error": 0.1, "options": {"seed": 1}}
    assert run_records.kept(path, pytest.fail, {"seed": 1}) == found
    with pytest.raises(SystemExit, match="--seed=2 in place of 1"):
        run_records.kept(path, pytest.fail, {"seed": 2})


def test_more_options_are_for_the_classifier(run_recipe, options):
    run = run_recipe(
        "downstream_table",
        **{**options, "preset": "missing"},
        method="finetuned",
        options="--max_length=7",
    )
    assert "recipes.finetune_language_model" in run.stderr
    assert "--max_length" not in run.stderr
    # That it fails by a user's error needs no traceback.
    assert run.code == 1 and "Traceback" not in run.stderr
    assert "ValueError: --preset must be" in run.stderr


def test_a_value_that_the_classifier_refuses(run_recipe, options):
    run = run_recipe(
        "downstream_table",
        **options,
        method="pretrained",
        options="--max_length=0",
    )
    assert run.code == 1 and "Traceback" not in run.stderr
    assert "recipes.classify_text" in run.stderr
    assert "flag --max_length=0" in run.stderr


def test_no_preset_to_take_the_sizes_of(run_recipe, options):
    run = run_recipe(
        "downstream_table", **{**options, "preset": "typo"}, method="scratch"
    )
    assert run.code == 1 and "Traceback" not in run.stderr
    assert "--preset must be" in run.stderr and "=typo" in run.stderr


def test_a_program_that_only_prints_no_result_has_a_defect():
    with pytest.raises(RuntimeError, match="and the line 'no JSON"):
        processes.run_or_exit([sys.executable, "-c", "print('no JSON')"])


def test_options_that_belong_together(run_recipe, options):
    def fails(message, **changes):
        run = run_recipe("downstream_table", **options, **changes)
        assert run.code != 0 and message in run.stderr

    fails("--backward_preset go together", backward_preset="other")
    fails("--backward_preset go together", method="guessed")
    fails(
        "guessed is for --row=imdb-100 only",
        method="guessed",
        backward_preset="other",
    )


def test_guessed_labels_come_from_words_and_both_directions(
    run_recipe, options
):
    folder = options["output_dir"] / "runs"
    folder.mkdir(parents=True)
    for direction in ("forward", "backward"):
        (folder / f"imdb-stage_2-{direction}.json").write_text("{}")
    # The error of a program that fails names its command.
    run = run_recipe(
        "downstream_table",
        **(options | {"row": "imdb-100"}),
        method="guessed",
        backward_preset="other",
        options="--no_such_option",
    )
    assert run.code != 0
    command = run.stdout + run.stderr
    for expected in (
        "--class_words=neg=bad,boring",
        "--class_words=pos=good,great",
        "imdb-stage_2-backward/preset",
        "--backward_prompt=film.",
    ):
        assert expected in command


def test_fastai_needs_torch_on_our_side_too(monkeypatch):
    monkeypatch.setattr(fastai_environment, "versions", dict)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SystemExit, match="Received: no module torch"):
        fastai_runs.check_packages()


def test_fastai_reads_words_forwards(monkeypatch, presets):
    monkeypatch.setattr(
        fastai_runs, "FLAGS", mock.Mock(preset=str(presets / "forward"))
    )
    fastai_runs.check_preset()
    fastai_runs.FLAGS.preset = str(presets / "backward")
    with pytest.raises(SystemExit, match="WordTokenizer and backwards=True"):
        fastai_runs.check_preset()


def test_random_weights_follow_from_the_seed(monkeypatch, presets, tmp_path):
    """However often, and in whatever order, they are drawn."""
    monkeypatch.setattr(
        downstream_table, "FLAGS", mock.Mock(preset=str(presets / "forward"))
    )

    def vectors(seed):
        path = downstream_table.untrained_preset(tmp_path, seed)
        return models.AWDLSTMCausalLM.from_preset(path).get_weights()[0]

    first, second = vectors(0), vectors(1)
    assert (first != second).any()
    assert (vectors(1) == second).all() and (vectors(0) == first).all()


def test_what_fastai_is_to_read_is_not_there(monkeypatch, presets, tmp_path):
    def given(**options):
        monkeypatch.setattr(fastai_runs, "FLAGS", mock.Mock(**options))

    given(preset="typo")
    with pytest.raises(SystemExit, match="--preset must be"):
        fastai_runs.finetune("trec", tmp_path / "out")
    given(preset=presets / "forward", data_dir=tmp_path / "absent")
    with pytest.raises(SystemExit, match="absent"):
        fastai_runs.finetune("trec", tmp_path / "out")


@pytest.mark.filterwarnings("ignore")  # of fastai
def test_fastai_reads_as_many_texts_as_it_is_given_time_for():
    pytest.importorskip("fastai")
    from recipes import fastai_classifier

    rows = list(range(100))
    drawn = fastai_classifier.drawn_rows(rows, 10, seed=0)
    assert len(set(drawn)) == 10 and drawn != rows[:10]
    assert drawn == fastai_classifier.drawn_rows(rows, 10, seed=0)
    for most in (None, 100, 200):
        assert fastai_classifier.drawn_rows(rows, most, seed=0) == rows


@pytest.mark.skipif(
    importlib.util.find_spec("fastai") is None, reason="fastai is an extra"
)
def test_fastai_trains_on_the_same_tokens_and_weights(run_recipe, options):
    summary = run_recipe("downstream_table", **options, method="fastai").summary
    assert list(summary["trec"]) == ["fastai"]
    assert 0 <= summary["trec"]["fastai"][0] <= 1
    runs = options["output_dir"] / "runs"
    stage_2 = json.loads((runs / "trec-stage_2-fastai.json").read_text())
    assert 1 < stage_2["perplexity"] < 1000
    with open(stage_2["shared"]["test"], encoding="utf-8") as file:
        label, tokens = next(file).rstrip("\n").split("\t")
    assert label and tokens.startswith("xxbos ")
