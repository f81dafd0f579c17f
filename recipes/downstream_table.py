"""What pretraining buys: test errors by data set and method, over seeds.

Command:
    python -m recipes.downstream_table --data_dir=DATA \
        --backend=tensorflow --dtype=mixed_bfloat16 --output_dir=table
Hardware, minutes, result: see docs/RESULTS.md.

DATA/imdb, DATA/trec, … hold train.csv and test.csv, perhaps compressed; see
`data.load_public`. Stage 2 runs once for each set, on all texts but those of
the test, stage 3 once for each seed, both in processes of their own. Methods:
- scratch: the classifier starts from random weights;
- pretrained: from --preset, without stage 2;
- finetuned: from --preset after stage 2;
- bidirectional: the same with --backward_preset, both averaged.
TF-IDF with a linear model is trained beside each on the same rows.

Settings were chosen on validation rows. OUTPUT_DIR/runs holds a file for each
run that is through; the same command goes on from there. OUTPUT_DIR/table.md
is the table; the last line on stdout is one JSON object, of the errors of all
seeds by set and method.
"""

import json
import shlex
import statistics
import sys
import tempfile

from absl import flags

from recipes import common
from recipes import processes

# By set: options of recipes.finetune_language_model.
STAGE_2 = {
    "imdb": "--lm_epochs=1 --lm_learning_rate=0.008 --validation_fraction=0.01",
    "trec": "--lm_epochs=8 --settings=paper --lm_dropout_multiplier=0.3",
    "ag_news": "--lm_epochs=3",
    "dbpedia": "--lm_epochs=5",
}
_IMDB = "--train=imdb --unfreezing=all --batch_size=32 --max_tokens=600"
# By row of the table: options of recipes.classify_text.
STAGE_3 = {
    "imdb-100": f"{_IMDB} --train_rows=100 --classifier_epochs=30 "
    "--classifier_learning_rate=0.01 --classifier_dropout_multiplier=0.8",
    "imdb-1000": f"{_IMDB} --train_rows=1000 --classifier_epochs=10 "
    "--classifier_learning_rate=0.02 --classifier_dropout_multiplier=0.8",
    "imdb-25000": f"{_IMDB} --classifier_epochs=4 "
    "--classifier_learning_rate=0.03 --classifier_dropout_multiplier=0.5",
    "trec": "--train=trec --settings=paper --classifier_epochs=20 "
    "--classifier_dropout_multiplier=0.5",
    "ag_news": "--train=ag_news --unfreezing=all --classifier_epochs=4 "
    "--classifier_learning_rate=0.06 --classifier_dropout_multiplier=0.5",
    "dbpedia": "--train=dbpedia --unfreezing=all --classifier_epochs=8",
}
METHODS = ["scratch", "pretrained", "finetuned", "bidirectional"]
DIRECTIONS = {"forward": "preset", "backward": "backward_preset"}

FLAGS = flags.FLAGS
flags.adopt_module_key_flags(common)
flags.DEFINE_string("data_dir", None, "Folder of the sets.", required=True)
flags.DEFINE_string("preset", "awd_lstm_small_en", "Language model.")
flags.DEFINE_string(
    "backward_preset", None, "One that reads backwards, for bidirectional."
)
flags.DEFINE_multi_enum(
    "row", list(STAGE_3), list(STAGE_3), "Rows of the table."
)
flags.DEFINE_multi_enum(
    "method", METHODS[:3], METHODS, "Methods, of --row each."
)
flags.DEFINE_integer("seeds", 3, "Runs of each, from seed 0.", lower_bound=1)
flags.DEFINE_string(
    "options", "", "Options for all runs, such as --batch_size=16."
)
flags.register_multi_flags_validator(
    ["method", "backward_preset"],
    lambda values: (
        ("bidirectional" in values["method"])
        == (values["backward_preset"] is not None)
    ),
    "--method=bidirectional and --backward_preset go together",
)


def run(recipe, output_dir, options):
    """Run a recipe with options of its own and those of all runs."""
    command = [
        sys.executable,
        "-m",
        f"recipes.{recipe}",
        f"--data_dir={FLAGS.data_dir}",
        f"--dtype={FLAGS.dtype}",
        f"--output_dir={output_dir}",
        *shlex.split(options),
        *shlex.split(FLAGS.options),
    ]
    if FLAGS.backend:
        command.append(f"--backend={FLAGS.backend}")
    return processes.run(command)


def kept(path, function):
    """What a file of JSON says; if there is none, what a function returns.

    Args:
        path: `pathlib.Path`, the file, written if it was not there.
        function: called without arguments.
    """
    if not path.exists():
        found = function()
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".unfinished")
        unfinished.write_text(json.dumps(found), encoding="utf-8")
        unfinished.replace(path)
    return json.loads(path.read_text(encoding="utf-8"))


def untrained_preset(output_dir):
    """A preset like --preset, with random weights; its path."""
    from ulmfit_keras import models

    path = output_dir / "scratch"
    if not (path / "config.json").exists():
        models.AWDLSTMCausalLM.from_preset(
            FLAGS.preset, load_weights=False
        ).save_to_preset(path)
    return path


def finetuned_preset(output_dir, name, direction):
    """A preset after stage 2 on a set; its path."""
    folder = output_dir / "language_models" / f"{name}-{direction}"
    preset = getattr(FLAGS, DIRECTIONS[direction])
    options = f"{STAGE_2[name]} --train={name} --preset={shlex.quote(preset)}"
    found = kept(
        output_dir / "runs" / f"stage_2-{name}-{direction}.json",
        lambda: run("finetune_language_model", folder, options),
    )
    print(f"{name}, stage 2, {direction}: {json.dumps(found)}", flush=True)
    return folder / "preset"


def presets(output_dir, method, name):
    """The options that name the language models of a method."""
    if method == "scratch":
        found = {"preset": untrained_preset(output_dir)}
    elif method == "pretrained":
        found = {"preset": FLAGS.preset}
    else:
        found = {
            option: finetuned_preset(output_dir, name, direction)
            for direction, option in DIRECTIONS.items()
            if direction == "forward" or method == "bidirectional"
        }
    return " ".join(
        f"--{option}={shlex.quote(str(preset))}"
        for option, preset in found.items()
    )


def classify(output_dir, row, method, seed):
    """What recipes.classify_text says of a run."""
    name = row.split("-")[0]
    options = (
        f"{STAGE_3[row]} --lm_epochs=0 --validation_fraction=0 --seed={seed} "
        f"{presets(output_dir, method, name)}"
    )

    def train():
        with tempfile.TemporaryDirectory() as folder:
            return run("classify_text", folder, options)

    found = kept(output_dir / "runs" / f"{row}-{method}-{seed}.json", train)
    print(f"{row}, {method}, seed {seed}: {json.dumps(found)}", flush=True)
    return found


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
    output_dir = common.start()
    errors = {}
    for row in FLAGS.row:
        runs = {
            method: [
                classify(output_dir, row, method, seed)
                for seed in range(FLAGS.seeds)
            ]
            for method in FLAGS.method
        }
        first = next(iter(runs.values()))
        errors[row] = {
            "TF-IDF": [found["baseline_test_error"] for found in first],
            **{
                method: [found["test_error"] for found in seeds]
                for method, seeds in runs.items()
            },
        }
        # After each row, so that a run that is broken off leaves a table.
        table = markdown(errors)
        (output_dir / "table.md").write_text(table, encoding="utf-8")
    print(f"\nTest error in percent, mean ± standard deviation:\n\n{table}")
    print(json.dumps(errors))


if __name__ == "__main__":
    common.run(main)
