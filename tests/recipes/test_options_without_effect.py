"""An option that would change nothing is refused, not passed over."""

import pytest


@pytest.mark.parametrize(
    "recipe, options, message",
    [
        (
            "prepare_corpus",
            {"train": "a.txt", "beam_options": "region=R"},
            "--beam_options goes with --runner. "
            "Received: --beam_options=region=R",
        ),
        (
            "export_onnx",
            {"model": "model.keras", "rows": 5},
            "--rows goes with --texts. Received: --rows=5",
        ),
        (
            "export_onnx",
            {"model": "model.keras", "text_column": "review"},
            "--text_column goes with --texts. Received: --text_column=review",
        ),
        ("bench_gpu", {"dtype": "float16"}, "Received: --dtype=float16"),
        ("bench_gpu", {"seed": 3}, "Received: --seed=3"),
        (
            "bench_classifier",
            {"preset": "p", "vocabulary_size": 9},
            "Received: --vocabulary_size=9 --preset=p",
        ),
        (
            "downstream_table",
            {"data_dir": "d", "seed": 3},
            "here --seeds tells how many, from 0. Received: --seed=3",
        ),
    ],
)
def test_it_is_named(run_recipe, tmp_path, recipe, options, message):
    run = run_recipe(recipe, **options, output_dir=tmp_path)
    assert run.code == 1 and "Traceback" not in run.stderr
    assert message in run.stderr


def test_public_sets_have_one_label_a_row(run_recipe, tmp_path):
    for split in ("train", "test"):
        path = tmp_path / "own" / f"{split}.csv"
        path.parent.mkdir(exist_ok=True)
        path.write_text("text,label\ngood,a;b\nbad,a\n")
    run = run_recipe(
        "train_classifier",
        train="own",
        data_dir=tmp_path,
        problem_type="multi_label",
        output_dir=tmp_path / "out",
    )
    assert run.code == 1 and "Traceback" not in run.stderr
    assert "--train=own/train.csv --test=own/test.csv" in run.stderr
