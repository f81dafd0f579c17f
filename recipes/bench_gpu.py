"""All that is worth measuring on a GPU, in one go of eight minutes at most.

Command:
    python -m recipes.bench_gpu --backend=jax --output_dir=out
Hardware, minutes, result: no GPU yet; the command runs on the CPU, too, where
only the first rows are through when the minutes are over.

Each row is a benchmark in a process of its own, the most telling first: the
two paths of the LSTM in float32 and bfloat16, batch sizes, kinds of softmax,
then the classifier. OUTPUT_DIR/bench_gpu.jsonl holds a line a row, of those
that failed, too. The last line on stdout is one JSON object, by row: tokens a
second, of classifiers the seconds of a training step by unfrozen groups.
"""

import json
import os
import pathlib
import shlex
import subprocess
import sys
import time

from absl import flags

from recipes import common
from recipes import processes

FLAGS = flags.FLAGS
flags.adopt_module_key_flags(common)
FLAGS.set_default("backend", "jax")
flags.DEFINE_float("minutes", 7.5, "After these no row goes on.")
_LM = "bench_language_model --hidden_dim=1152 --steps=20"
ROWS = [
    f"{_LM} --precision=float32",
    f"{_LM} --precision=float32 --portable",
    f"{_LM} --precision=mixed_bfloat16",
    f"{_LM} --precision=mixed_bfloat16 --batch_size=256",
    f"{_LM} --precision=mixed_bfloat16 --batch_size=256 --num_sampled=4096",
    f"{_LM} --precision=mixed_bfloat16 --batch_size=256 --chunk_size=0",
    f"{_LM} --precision=float32 --batch_size=256",
    f"{_LM} --precision=float32 --batch_size=256 --portable",
    "bench_classifier --precision=mixed_bfloat16",
    "bench_classifier --precision=float32",
]


def measure(row, seconds):
    """Run a row; returns its JSON object, or what went wrong."""
    module, *options = shlex.split(row)
    command = [sys.executable, "-m", f"recipes.{module}", *options]
    command += [
        f"--backend={FLAGS.backend}",
        f"--output_dir={FLAGS.output_dir}",
    ]
    # TensorFloat-32 is what training in float32 would use.
    environment = {"JAX_DEFAULT_MATMUL_PRECISION": "tensorfloat32"}
    try:
        return processes.run(command, {**environment, **os.environ}, seconds)
    except subprocess.TimeoutExpired:
        return {"error": f"not through after {seconds:.0f} seconds"}
    except RuntimeError as error:
        return {"error": str(error)[-1000:]}


def main(_):
    with common.user_errors():
        common.check_needed(
            ["dtype", "seed"], False, "one benchmark; each row has its own"
        )
    ends = time.monotonic() + 60 * FLAGS.minutes
    output_dir = pathlib.Path(FLAGS.output_dir)
    output_dir.mkdir(parents=True, exist_ok=True)
    speeds = {}
    with open(output_dir / "bench_gpu.jsonl", "w") as file:
        for row in ROWS:
            seconds = ends - time.monotonic()
            if seconds < 1:
                break
            found = measure(row, seconds)
            line = json.dumps({"row": row, **found})
            print(line, flush=True)
            print(line, file=file, flush=True)
            speeds[row] = found.get(
                "train_tokens_per_second",
                found.get("step_seconds_by_unfrozen_groups"),
            )
    print(json.dumps(speeds))


if __name__ == "__main__":
    common.run(main)
