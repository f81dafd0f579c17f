"""The benchmarks at sizes that take seconds: what they print adds up."""

import json
import shlex
import subprocess
import sys

import keras
import pytest

from recipes import bench_gpu


def test_language_model_benchmark(run_recipe, tmp_path):
    words, size, units = 50, 6, 10
    summary = run_recipe(
        "bench_language_model",
        precision="float32",
        batch_size=4,
        bptt=5,
        vocabulary_size=words,
        embedding_dim=size,
        hidden_dim=units,
        num_layers=2,
        steps=3,
        output_dir=tmp_path,
    ).summary
    lstms = [(size, units), (units, size)]
    weights = sum(4 * n * (m + n) for m, n in lstms)
    biases = 4 * (units + size)
    assert summary["parameters"] == words * (size + 1) + weights + biases
    step = summary["step_seconds"]
    assert summary["train_tokens_per_second"] == pytest.approx(
        4 * 5 / step, rel=0.01
    )
    flops = 3 * 4 * 5 * 2 * (weights + words * size)
    assert summary["achieved_gflops"] == pytest.approx(
        flops / step / 1e9, abs=0.05
    )
    assert summary["forward_tokens_per_second"] > 0
    assert summary["gemm_peak_gflops"] > 0
    assert summary["input_share"] > 0
    assert summary["peak_memory_mib"] > 50
    assert summary["gpu_memory_mib"] is None
    assert summary["backend"] == keras.backend.backend()
    assert summary["precision"] == "float32"


def test_classifier_benchmark(run_recipe, presets, tmp_path):
    summary = run_recipe(
        "bench_classifier",
        preset=presets / "forward",
        batch_size=2,
        train_length=6,
        steps=1,
        repeats=2,
        lengths="4,7",
        batch_sizes="1,3",
        output_dir=tmp_path,
    ).summary
    steps = summary["step_seconds_by_unfrozen_groups"]
    assert len(steps) == 4  # the head, two LSTM layers, the word vectors
    assert summary["head_only_speedup"] == pytest.approx(
        steps[-1] / steps[0], abs=0.01
    )
    assert summary["input_share"] > 0  # a step takes no time here, either
    rows = summary["predictions"]
    assert [(row["length"], row["batch_size"]) for row in rows] == [
        (4, 1),
        (4, 3),
        (7, 1),
        (7, 3),
    ]
    for row in rows:
        assert 0 < row["p50_seconds"] <= row["p95_seconds"]
        assert row["documents_per_second"] == pytest.approx(
            row["batch_size"] / row["p50_seconds"], rel=0.01
        )


def test_the_path_for_any_device_is_a_choice(run_recipe, tmp_path):
    run = run_recipe(
        "bench_language_model",
        batch_size=2,
        bptt=5,
        vocabulary_size=20,
        embedding_dim=4,
        hidden_dim=4,
        num_layers=1,
        steps=1,
        portable=True,
        output_dir=tmp_path,
    )
    assert run.summary
    assert "for any device" in run.stdout


@pytest.mark.parametrize("row", bench_gpu.ROWS)
def test_gpu_benchmarks_have_options_that_exist(row):
    command = shlex.split(f"-m recipes.{row} --only_check_args")
    run = subprocess.run([sys.executable, *command], capture_output=True)
    assert run.returncode == 0, run.stderr


def test_gpu_benchmarks_end_in_time_and_tell_what_failed(run_recipe, tmp_path):
    summary = run_recipe(
        "bench_gpu",
        backend=keras.backend.backend(),
        minutes=0.03,
        output_dir=tmp_path,
    ).summary
    (row,) = map(
        json.loads, (tmp_path / "bench_gpu.jsonl").read_text().splitlines()
    )
    assert "not through after" in row["error"]
    assert summary == {row["row"]: None}
