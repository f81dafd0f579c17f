"""What pretraining buys: test errors by data set and method, over seeds.

Command:
    python -m recipes.downstream_table --data_dir=DATA --row=trec \
        --method=finetuned --method=bidirectional \
        --backward_preset=awd_lstm_small_en_bwd \
        --backend=tensorflow --dtype=mixed_bfloat16 --output_dir=table
Hardware, minutes, result: TREC-6, one core of an AMD EPYC, after stage 2 12 to
15 minutes for both directions: test error 4.1 ± 0.6 % forward, 3.1 ± 0.1 % both
averaged, three seeds (2026-11-23); more in docs/RESULTS.md.

DATA/imdb, DATA/trec, … hold train.csv and test.csv, perhaps compressed; see
`data.load_public`. Stage 2 runs once for each set, on all texts but those of
the test, stage 3 once for each seed, both in processes of their own. Methods:
- scratch: the classifier starts from random weights;
- pretrained: from --preset, without stage 2;
- finetuned: from --preset after stage 2;
- bidirectional: the same with --backward_preset, both averaged; its forward
  half is then the column `finetuned`;
- guessed: as bidirectional, after labels that are guessed by words; for rows
  that have words in recipes/downstream_settings.py;
- fastai: both stages in fastai, from --preset and on the same tokens; see
  recipes/fastai_classifier.py.
TF-IDF with a linear model is trained beside the first of them, on the same
rows.

OUTPUT_DIR/runs holds a file for each run that is through, with its options; the
same command goes on from there. OUTPUT_DIR/table.md is the table; the last line
on stdout is one JSON object, of the errors of all seeds by row and method.
"""

import json
import re
import shlex
import statistics
import sys
import tempfile

from absl import flags

from recipes import common
from recipes import fastai_environment
from recipes import fastai_runs
from recipes import processes
from recipes import run_records
from recipes.downstream_settings import FROM_SCRATCH
from recipes.downstream_settings import GUESSED
from recipes.downstream_settings import STAGE_2
from recipes.downstream_settings import STAGE_3
from recipes.downstream_settings import WITHOUT_STAGE_2

METHODS = [
    "scratch",
    "pretrained",
    "finetuned",
    "bidirectional",
    "guessed",
    "fastai",
]
BOTH_DIRECTIONS = {"bidirectional", "guessed"}
DIRECTIONS = {"preset": "forward", "backward_preset": "backward"}

FLAGS = flags.FLAGS
flags.adopt_module_key_flags(common)
flags.adopt_module_key_flags(fastai_environment)
flags.DEFINE_string("data_dir", None, "Folder of the sets.", required=True)
flags.DEFINE_string("preset", "awd_lstm_small_en", "Language model.")
flags.DEFINE_string(
    "backward_preset",
    None,
    "One that reads backwards, for bidirectional and guessed.",
)
flags.DEFINE_multi_enum(
    "row", list(STAGE_3), list(STAGE_3), "Rows of the table."
)
flags.DEFINE_multi_enum("method", METHODS[:3], METHODS, "Its columns.")
flags.DEFINE_integer("seeds", 3, "Runs of each, from seed 0.", lower_bound=1)
flags.DEFINE_string(
    "options",
    "",
    "More options of recipes.classify_text for our runs, such as "
    "--max_length=700.",
)
flags.register_multi_flags_validator(
    ["method", "backward_preset"],
    lambda values: (
        bool(BOTH_DIRECTIONS & set(values["method"]))
        == (values["backward_preset"] is not None)
    ),
    "--method=bidirectional or guessed and --backward_preset go together",
)
flags.register_multi_flags_validator(
    ["method", "row"],
    lambda values: (
        "guessed" not in values["method"] or set(values["row"]) <= set(GUESSED)
    ),
    f"--method=guessed is for --row={', '.join(GUESSED)} only",
)


@flags.validator(
    "options",
    "those of stage 2 are in recipes/downstream_settings.py; give only options "
    "of stage 3 and of the tables",
)
def check_options(options):
    """Refuse options of stage 2, and what a shell could not read."""
    try:
        words = shlex.split(options)
    except ValueError as error:
        raise flags.ValidationError(
            "these must be options as in a shell, with every quotation mark "
            f"closed: {error}"
        ) from error
    return not any(re.match("--?(lm_|num_sampled)", word) for word in words)


def run(recipe, *more, **options):
    """Run a recipe with options of its own and those of all runs."""
    options |= {"data_dir": FLAGS.data_dir, "dtype": FLAGS.dtype}
    if FLAGS.backend:
        options["backend"] = FLAGS.backend
    named = [
        f"--{name}={value}"
        for name, values in options.items()
        for value in (values if isinstance(values, list) else [values])
    ]
    command = [sys.executable, "-m", f"recipes.{recipe}", *named]
    return processes.run_or_exit([*command, *more])


@common.user_errors()
def untrained_preset(output_dir, seed):
    """A preset like --preset, with random weights; its path."""
    import keras

    from ulmfit_keras import models

    path = output_dir / "scratch"
    # By the seed alone: other weights for each, however often it is broken off.
    keras.utils.set_random_seed(seed)
    models.AWDLSTMCausalLM.from_preset(
        FLAGS.preset, load_weights=False
    ).save_to_preset(path)
    return path


def stage_2_path(output_dir, name, option):
    """The file of a stage 2 that is through."""
    return output_dir / "runs" / f"{name}-stage_2-{DIRECTIONS[option]}.json"


def stage_2_options(option):
    """Our options that decide on a stage 2."""
    return {option: FLAGS[option].value, "dtype": FLAGS.dtype}


def finetuned_preset(output_dir, name, option):
    """A preset after stage 2 on a set; its path."""
    path = stage_2_path(output_dir, name, option)
    folder = output_dir / "language_models" / path.stem
    run_records.kept(
        path,
        lambda: run(
            "finetune_language_model",
            train=name,
            preset=FLAGS[option].value,
            output_dir=folder,
            **STAGE_2[name],
        ),
        stage_2_options(option),
    )
    return folder / "preset"


def directions(method):
    """The options that name the language models which a method fine-tunes."""
    if method in ("scratch", "pretrained", "fastai"):
        return []
    return list(DIRECTIONS)[: 2 if method in BOTH_DIRECTIONS else 1]


def presets(output_dir, method, name, seed):
    """The options that name the language models of a method."""
    if method == "scratch":
        return {"preset": untrained_preset(output_dir, seed)}
    if method == "pretrained":
        return {"preset": FLAGS.preset}
    return {
        option: finetuned_preset(output_dir, name, option)
        for option in directions(method)
    }


def classify(output_dir, row, method, seed):
    """What recipes.classify_text, or fastai, says of a run."""
    if method == "fastai":
        return fastai_runs.classify(output_dir, row, seed)
    name = row.split("-")[0]
    options = GUESSED[row] if method == "guessed" else STAGE_3[row]
    others = {"scratch": FROM_SCRATCH, "pretrained": WITHOUT_STAGE_2}
    options = options | others.get(method, {}).get(row, {})
    with tempfile.TemporaryDirectory() as folder:
        return run(
            "classify_text",
            *shlex.split(FLAGS.options),
            train=name,
            lm_epochs=0,
            validation_fraction=0,
            seed=seed,
            output_dir=folder,
            **presets(output_dir, method, name, seed),
            **options,
        )


def options_of(method):
    """Our options that decide on the errors of a method."""
    names = ["preset"]
    if method in BOTH_DIRECTIONS:
        names.append("backward_preset")
    if method != "fastai":
        names += ["dtype", "options"]
    return {name: FLAGS[name].value for name in names}


def program_of(method):
    """The method whose runs are read for a column."""
    half = method == "finetuned" and "bidirectional" in FLAGS.method
    return "bidirectional" if half else method


def run_path(output_dir, row, program, seed):
    """The file of a run that is through."""
    return output_dir / "runs" / f"{row}-{program}-{seed}.json"


@common.user_errors()
def check_kept_runs(output_dir):
    """Find runs of other options before hours go by."""
    for row in FLAGS.row:
        for program in map(program_of, FLAGS.method):
            for option in directions(program):
                run_records.check_kept(
                    stage_2_path(output_dir, row.split("-")[0], option),
                    stage_2_options(option),
                )
            for seed in range(FLAGS.seeds):
                run_records.check_kept(
                    run_path(output_dir, row, program, seed),
                    options_of(program),
                )


def errors_of(output_dir, row):
    """Test errors by method: a list each, by seed."""
    errors = {}
    for method in FLAGS.method:
        program = program_of(method)
        runs = [
            run_records.kept(
                run_path(output_dir, row, program, seed),
                lambda: classify(output_dir, row, program, seed),  # noqa: B023
                options_of(program),
            )
            for seed in range(FLAGS.seeds)
        ]
        if "TF-IDF" not in errors and method != "fastai":
            errors["TF-IDF"] = [found["baseline_test_error"] for found in runs]
        half = program != method
        key = "forward_test_error" if half else "test_error"
        errors[method] = [found[key] for found in runs]
    return errors


def cell(errors):
    """Mean and standard deviation, and the figure of each seed, in percent."""
    percent = [100 * error for error in errors]
    mean = f"{statistics.mean(percent):.1f}"
    if len(percent) == 1:
        return mean
    each = ", ".join(f"{error:.1f}" for error in percent)
    return f"{mean} ± {statistics.stdev(percent):.1f} ({each})"


def markdown(errors):
    """The table.

    Args:
        errors: dict from rows to dicts from methods to errors by seed.
    """
    columns = list(next(iter(errors.values())))
    lines = [["", *columns], ["---"] * (len(columns) + 1)]
    lines += [
        [row, *map(cell, found.values())] for row, found in errors.items()
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def main(_):
    with common.user_errors():
        common.check_needed(
            ["seed"], False, "single runs; here --seeds tells how many, from 0"
        )
    if "fastai" in FLAGS.method:
        fastai_runs.check_packages()
    output_dir = common.start()
    if "fastai" in FLAGS.method:
        fastai_runs.check_preset()
    check_kept_runs(output_dir)
    errors = {}
    for row in FLAGS.row:
        errors[row] = errors_of(output_dir, row)
        # After each row, so that a run that is broken off leaves a table.
        table = markdown(errors)
        (output_dir / "table.md").write_text(table, encoding="utf-8")
    print(f"\nTest error in percent, mean ± standard deviation:\n\n{table}")
    print(json.dumps(errors))


if __name__ == "__main__":
    common.run(main)
