"""The comparison with fastai: its arithmetic, its processes, both sides."""

import json
import math
import os
import sys

import keras
import numpy as np
import pytest

from recipes import documents
from recipes import processes

SIZES = {
    "embedding_dim": 6,
    "hidden_dim": 10,
    "num_layers": 2,
    "vocabulary_size": 40,
    "batch_size": 4,
    "bptt": 5,
    "steps": 3,
    "repeats": 10,
}
VERSIONS = {"fastai": "9.1", "torch": "9.2"}
FOUND = {
    "seconds": 4.0,
    "train_tokens_per_second": 50.0,
    "forward_tokens_per_second": 80.0,
}
FAKE = f"""#!{sys.executable}
import json, os, sys
with open(sys.argv[0] + ".log", "a") as file:
    card = os.environ.get("CUDA_VISIBLE_DEVICES")
    print(json.dumps([card, *sys.argv[1:]]), file=file)
found = {FOUND} if sys.argv[1] == "-m" else {VERSIONS}
print("a warning\\n", json.dumps(found))
"""


@pytest.fixture
def settings(tmp_path):
    """What both sides are given, and the files that it names."""
    words = ["xxunk", "xxpad", "xxbos", *"this film was good .".split()]
    words += [f"xxfake.{i}" for i in range(40 - len(words))]
    (tmp_path / "words.txt").write_text("\n".join(words) + "\n")
    lengths = [3, 1, 30, 7, 200]
    np.savez(
        tmp_path / "documents.npz",
        ids=np.int32(np.arange(sum(lengths)) % 37 + 3),
        ends=np.cumsum(lengths),
    )
    return {
        **SIZES,
        "seed": 0,
        "runtime": "keras",
        "text": "This film was good.",
        "vocabulary": str(tmp_path / "words.txt"),
        "documents": str(tmp_path / "documents.npz"),
    }


def assert_found(part, found):
    """What a side finds in a part is there and adds up."""
    names = {
        "training": {
            "train_tokens_per_second",
            "forward_tokens_per_second",
            "step_seconds",
            "parameters",
        },
        "memory": {"step_memory_mib", "peak_memory_mib", "memory_before_mib"},
        "prediction": {"documents_per_second", "first_documents_per_second"},
        "single_text": {"seconds"},
    }
    assert found.keys() == names[part]
    assert all(value >= 0 and math.isfinite(value) for value in found.values())
    if part == "memory":
        assert found["step_memory_mib"] == pytest.approx(
            found["peak_memory_mib"] - found["memory_before_mib"], abs=0.11
        )
    if part == "training":
        assert found["train_tokens_per_second"] == pytest.approx(
            4 * 5 / found["step_seconds"], rel=0.02
        )


def test_ratios_are_of_medians():
    ours = [{"speed": 30, "ours": 1.0, "name": "x"}, {"speed": 1, "ours": 5.0}]
    ours.append({"speed": 6, "ours": 2.0})
    theirs = [{"speed": value, "theirs": 7} for value in (4, 100, 3, 5)]
    assert processes.compare({"ours": ours, "fastai": theirs}) == {
        "ours": {"speed": 6, "ours": 2},
        "fastai": {"speed": 4.5, "theirs": 7},
        "ratio": {"speed": 1.33333},
    }


def test_programs_take_turns(tmp_path, capfd):
    log = tmp_path / "log"
    code = "import sys; print(file=open({!r}, 'a'), *sys.argv[1:]); print({})"
    program = [
        sys.executable,
        "-c",
        code.format(str(log), "'noise\\n{\"x\": 2}'"),
    ]
    results = processes.take_turns(
        {"a": [*program, "a"], "b": [*program, "b"]}, 2
    )
    assert results == {"a": [{"x": 2}] * 2, "b": [{"x": 2}] * 2}
    assert log.read_text().split() == ["a", "b", "a", "b"]
    assert 'round 2, b: {"x": 2}' in capfd.readouterr().out


@pytest.mark.parametrize(
    "code",
    [
        "import sys; print('{}'); sys.exit('went wrong')",
        "import sys; sys.stderr.write('went wrong')",
        "import sys; print('no JSON'); sys.stderr.write('went wrong')",
    ],
)
def test_what_a_failed_program_wrote_is_told(code):
    with pytest.raises(RuntimeError, match="went wrong(.|\n)*Received: code"):
        processes.run([sys.executable, "-c", code])


def test_peak_memory_is_of_what_came_and_went():
    code = """
import json
from recipes import processes
start = processes.peak_memory_mib()
before = processes.resident_memory_mib()
block = b"x" * (200 << 20)
full = processes.resident_memory_mib()
del block
print(json.dumps([
    start, before, full, processes.resident_memory_mib(),
    processes.peak_memory_mib()
]))
"""
    start, before, full, after, peak = processes.run(
        [sys.executable, "-c", code]
    )
    assert 199 < full - before < 220
    assert peak > full - 1  # both are counted roughly
    if os.path.exists("/proc/self/status"):
        assert start < 100  # not that of the process that started it
        assert after < before + 20


@pytest.mark.parametrize(
    "part, runtime",
    [
        ("memory", "keras"),
        ("prediction", "keras"),
        ("single_text", "keras"),
        ("prediction", "onnx_int8"),
        ("single_text", "onnx_float32"),
    ],
)
def test_our_side(part, runtime, settings, run_recipe, tmp_path):
    if runtime != "keras":
        pytest.importorskip("onnxruntime")
    message = json.dumps({**settings, "part": part, "runtime": runtime})
    run = run_recipe("keras_side", settings=message, output_dir=tmp_path)
    assert_found(part, run.summary)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "part", ["training", "memory", "prediction", "single_text"]
)
def test_the_side_of_fastai(part, settings):
    pytest.importorskip("fastai")
    from recipes import fastai_side

    assert_found(part, fastai_side.PARTS[part](settings))


def test_ours_against_a_fake(run_recipe, tmp_path):
    fake = tmp_path / "python"
    fake.write_text(FAKE)
    fake.chmod(0o755)
    (tmp_path / "texts.csv").write_text(
        "review\nThis film was good.\nBad!\nNot read\n"
    )
    run = run_recipe(
        "bench_against_fastai",
        fastai_python=fake,
        parts="training,single_text",
        rounds=1,
        documents=2,
        texts=tmp_path / "texts.csv",
        text_column="review",
        seed=3,
        output_dir=tmp_path,
        **SIZES,
    )
    summary = run.summary
    assert summary == json.loads((tmp_path / "against_fastai.json").read_text())
    assert summary["backend"] == keras.backend.backend()
    assert summary["versions"] == {
        "keras": keras.__version__,
        **VERSIONS,
    }
    training, single_text = summary["training"], summary["single_text"]
    speed = training["ours"]["train_tokens_per_second"]
    assert training["ratio"].keys() == {
        "train_tokens_per_second",
        "forward_tokens_per_second",
    }
    assert training["ratio"]["train_tokens_per_second"] == pytest.approx(
        speed / 50, rel=1e-4
    )
    assert training["ours"]["gemm_peak_share"] == pytest.approx(
        training["ours"]["achieved_gflops"]
        / training["ours"]["gemm_peak_gflops"],
        abs=1e-4,
    )
    assert single_text["ratio"]["seconds"] == pytest.approx(
        single_text["ours"]["seconds"] / 4, rel=1e-4
    )
    assert "memory" not in summary

    log = (tmp_path / "python.log").read_text()
    calls = list(map(json.loads, log.splitlines()))
    assert [call[1:3] for call in calls] == [
        ["-c", calls[0][2]],
        ["-m", "recipes.fastai_side"],
        ["-m", "recipes.fastai_side"],
    ]
    assert all(card == "-1" for card, *_ in calls[1:])
    received = json.loads(calls[2][3])
    assert received["part"] == "single_text"
    assert received["seed"] == 3
    assert SIZES.items() <= received.items()
    words = (tmp_path / "vocabulary.txt").read_text().splitlines()
    assert len(words) == SIZES["vocabulary_size"]
    assert received["vocabulary"] == str(tmp_path / "vocabulary.txt")
    with np.load(received["documents"]) as file:
        first, second, rest = np.split(file["ids"], file["ends"])
    assert not len(rest)
    assert words[first[0]] == words[second[0]] == "xxbos"


def test_documents_have_a_vocabulary_of_their_own():
    (first, second), vocabulary = documents.encode(["Bad film.", "a a b"], 20)
    assert len(vocabulary) == 20
    assert vocabulary.tokens[:3] == ("xxunk", "xxpad", "xxbos")  # as fastai's
    assert " ".join(vocabulary.tokens[i] for i in first) == (
        "xxbos xxmaj bad film ."
    )
    assert " ".join(vocabulary.tokens[i] for i in second) == "xxbos a a b"
    (ids,), vocabulary = documents.encode(["a a b"], 9)
    assert [vocabulary.tokens[i] for i in ids] == ["xxbos", "a", "a", "xxunk"]


def test_built_in_documents_are_as_long_as_reviews():
    passages = [np.int32([2, *range(10, 20)]), np.int32([2, 20, 21])]
    cut = documents.cut_like_reviews(passages, 1000, np.random.default_rng(0))
    lengths = np.array(list(map(len, cut)))
    assert len(lengths) == 1000
    # IMDb's reviews: 1, 50 and 99 % are shorter than 53, 227 and 1073 tokens.
    found = np.quantile(lengths, [0.01, 0.5, 0.99])
    assert found == pytest.approx([53, 227, 1073], rel=0.15)
    assert all(ids[0] == 2 for ids in cut)
    joined = np.concatenate(cut)[:200]
    expected = np.resize(np.concatenate(passages), 200)
    assert np.mean(joined == expected) > 0.98


@pytest.mark.parametrize(
    "recipe, options, python",
    [
        ("bench_against_fastai", {}, "missing/python"),
        ("bench_against_fastai", {}, "false"),
        ("downstream_table", {"data_dir": ".", "method": "fastai"}, "false"),
        ("pretrain_with_fastai", {"corpus": "."}, "false"),
    ],
)
def test_fastai_must_be_there(recipe, options, python, run_recipe, tmp_path):
    run = run_recipe(
        recipe, **options, fastai_python=python, output_dir=tmp_path
    )
    assert run.code == 1
    assert "Traceback" not in run.stderr
    assert 'pip install -e ".[fastai]"' in run.stderr
    assert f"--fastai_python={python}" in run.stderr


def test_unknown_parts_are_told(run_recipe, tmp_path):
    run = run_recipe("bench_against_fastai", parts="speed", output_dir=tmp_path)
    assert run.code == 1
    assert "training, memory, prediction, single_text" in run.stderr
