"""From the command line to shards; how they are made is tested with data."""

import pytest

from ulmfit_keras import data
from ulmfit_keras import text


@pytest.fixture
def files(tmp_path):
    for name in ("train-0", "train-1", "valid"):
        path = tmp_path / f"{name}.txt"
        path.write_text(f"It was a good film {name}.\n\nVery good.\n")
    return tmp_path


def test_patterns_become_shards(files, presets, run_recipe):
    summary = run_recipe(
        "prepare_corpus",
        train=files / "train-*.txt",
        valid=files / "valid.txt",
        vocabulary_size=20,
        min_count=1,
        processes=2,
        output_dir=files / "out",
    ).summary
    train = data.TokenShards(files / "out")
    valid = data.TokenShards(files / "out", "valid")
    assert summary["train_documents"] == 4
    assert summary["train_tokens"] == len(train)
    assert summary["valid_tokens"] == len(valid)
    assert summary["vocabulary_size"] == len(train.vocabulary)
    words = [train.vocabulary.tokens[i] for i in train]
    assert " ".join(words).startswith("xxbos xxmaj it was a good film train -")
    # The vocabulary of another corpus, and that of a preset.
    for name in ("out", "out/vocabulary.txt"):
        run = run_recipe(
            "prepare_corpus",
            train=files / "valid.txt",
            vocabulary=files / name,
            output_dir=files / "same",
        )
        assert run.code == 0, run.stderr
        same = data.TokenShards(files / "same")
        assert same.vocabulary == train.vocabulary
        assert same[:].tolist() == valid[:].tolist()
    run = run_recipe(
        "prepare_corpus",
        train=files / "valid.txt",
        vocabulary=presets / "forward",
        output_dir=files / "preset",
    )
    assert run.code == 0, run.stderr
    vocabulary = data.TokenShards(files / "preset").vocabulary
    assert vocabulary.tokens[-4:] == tuple("and , . !".split())


def test_beam_writes_the_same_corpus(files, run_recipe):
    pytest.importorskip("apache_beam")
    options = {"train": files / "train-*.txt", "min_count": 1}
    local, on_beam = (
        run_recipe(
            "prepare_corpus", **options, **more, output_dir=files / name
        ).summary
        for name, more in (
            ("local", {}),
            ("beam", {"runner": "DirectRunner"}),
        )
    )
    assert local.pop("seconds") >= 0 and on_beam.pop("seconds") >= 0
    assert on_beam == local
    written = [
        {path.name: path.read_bytes() for path in (files / name).iterdir()}
        for name in ("local", "beam")
    ]
    assert written[0] == written[1]


def test_wrong_files_end_in_a_message(files, run_recipe):
    run = run_recipe(
        "prepare_corpus", train=files / "*.csv", output_dir=files / "out"
    )
    assert run.code == 1
    assert "none that match" in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize(
    ("options", "received"),
    [
        (
            {"vocabulary_size": 20, "vocabulary": "awd_lstm_small_en"},
            "--vocabulary_size=20 --vocabulary=awd_lstm_small_en",
        ),
        (
            {"min_count": 1, "tokenizer": "sentencepiece"},
            "--min_count=1 --tokenizer=sentencepiece",
        ),
        (
            {"processes": 2, "runner": "DirectRunner"},
            "--processes=2 --runner=DirectRunner",
        ),
    ],
)
def test_an_option_without_effect_is_refused(
    files, run_recipe, options, received
):
    run = run_recipe(
        "prepare_corpus",
        train=files / "valid.txt",
        output_dir=files / "out",
        **options,
    )
    assert run.code == 1 and "Traceback" not in run.stderr
    assert f"Received: {received}" in run.stderr


def test_a_pattern_finds_files_at_any_depth(files, run_recipe):
    for folder in (
        files / "tree",
        files / "tree" / "a",
        files / "tree" / "a" / "b",
    ):
        folder.mkdir()
        (folder / "text.txt").write_text("the film was good .\n" * 9)
    manifest = run_recipe(
        "prepare_corpus",
        train=files / "tree" / "**" / "*.txt",
        output_dir=files / "out",
    ).summary
    assert manifest["train_documents"] == 3


def test_pieces_are_no_words(files, run_recipe):
    (files / "vocabulary.txt").write_text(
        "\n".join([*text.SPECIAL_TOKENS, *(f"▁{n}" for n in range(9))]) + "\n"
    )
    run = run_recipe(
        "prepare_corpus",
        train=files / "valid.txt",
        vocabulary=files / "vocabulary.txt",
        output_dir=files / "out",
    )
    assert run.code == 1 and "Traceback" not in run.stderr
    assert "give vocabulary.spm" in run.stderr
