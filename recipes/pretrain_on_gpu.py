"""Pretrain on a machine that is lent for minutes and reaches no network.

Command (docs/DEVELOPERS.md has all that belong to it):
    python3 -m recipes.pretrain_on_gpu --work_dir=WORK --minutes=9 \
        --parcels=parcels --wheels=wheels --output_dir=out -- \
        --embedding_dim=400 --hidden_dim=1152 --num_layers=3 --batch_size=256 \
        --num_sampled=0 --passes=4 --dropout_multiplier=0.1 \
        --steps_per_validation=1200 --steps_per_checkpoint=300
Hardware, minutes, result: tried on the CPU with a small model; no GPU yet.

Call it as often as it takes. It keeps the parcels of the corpus that each
call brings, and when it has them all pretrains in slices of --minutes; what
stands after -- goes to recipes.pretrain_language_model. In the end OUTPUT_DIR
holds the preset in parcels, the log and the samples, and another call brings
them again. --backwards, before the --, trains the other direction on the same
corpus, in a folder of its own in WORK; give it an OUTPUT_DIR of its own, too.
The machine needs Python with JAX, absl and h5py; all else comes as wheels. The
last line on stdout is one JSON object.
"""

import json
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import time

from absl import app
from absl import flags

from recipes import common
from recipes import parcels
from recipes import processes

FLAGS = flags.FLAGS
flags.adopt_module_key_flags(common)
FLAGS.set_default("backend", "jax")
FLAGS.set_default("dtype", "mixed_bfloat16")
# What the last validation, saving and packing take out of a call.
_SPARE_MINUTES = 1.0


flags.DEFINE_string(
    "work_dir", None, "What a later call finds again.", required=True
)
flags.DEFINE_string("parcels", None, "Parcels of the corpus, or some of them.")
flags.DEFINE_string("wheels", None, "Packages that the machine lacks.")
flags.DEFINE_bool("backwards", False, "Train on reversed documents.")
flags.DEFINE_float(
    "minutes", 9.0, "How long this call may take.", lower_bound=0
)
flags.DEFINE_float(
    "mib", 15.0, "Size of a parcel of the preset at most.", lower_bound=0.001
)


def environment(work_dir):
    """The variables under which recipes and wheels are found."""
    paths = [str(pathlib.Path.cwd()), str(work_dir / "site")]
    if os.environ.get("PYTHONPATH"):
        paths.append(os.environ["PYTHONPATH"])
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "JAX_COMPILATION_CACHE_DIR": str(work_dir / "compiled"),
    }


def keep_parcels(brought, work_dir):
    """Copy the parcels of this call; returns the names of those to come."""
    kept = work_dir / "parcels"
    kept.mkdir(parents=True, exist_ok=True)
    if brought:
        lists = [
            folder / parcels.LIST_FILE
            for folder in (kept, pathlib.Path(brought))
        ]
        texts = {path.read_text() for path in lists if path.exists()}
        if len(texts) > 1:
            raise ValueError(
                "--parcels must be of the corpus that --work_dir holds; "
                "another one needs a folder of its own. "
                f"Received: --parcels={brought} --work_dir={work_dir}, whose "
                f"{parcels.LIST_FILE} differ"
            )
        shutil.copytree(brought, kept, dirs_exist_ok=True)
    return parcels.missing(kept)


def install(wheels, work_dir):
    """Install wheels into a folder of their own.

    Raises:
        FileNotFoundError: if there are none.
        ValueError: if pip refuses one, with what it says.
    """
    unfinished = work_dir / "site.part"
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-index"]
    command += ["--no-deps", "--target", str(unfinished)]
    paths = [str(path) for path in sorted(pathlib.Path(wheels).glob("*"))]
    if not paths:
        raise FileNotFoundError(
            f"--wheels must be a folder with packages. Received: {wheels}, "
            "in which there are none"
        )
    # pip leaves alone what a call that was killed has brought so far.
    shutil.rmtree(unfinished, ignore_errors=True)
    result = subprocess.run(command + paths, stderr=subprocess.PIPE, text=True)
    if result.returncode:
        raise ValueError(
            "--wheels must be a folder with packages for this machine: "
            f"{platform.machine()} {platform.system()}, Python "
            f"{platform.python_version()}. Bring such ones. "
            f"Received: {wheels}, of which pip says\n{result.stderr.strip()}"
        )
    # Under its name only when it is whole.
    unfinished.rename(work_dir / "site")


def pretrain(work_dir, run_dir, minutes, options):
    """One slice; returns what the recipe printed last."""
    return processes.run_or_exit(
        [
            *(sys.executable, "-m", "recipes.pretrain_language_model"),
            *(f"--backend={FLAGS.backend}", f"--dtype={FLAGS.dtype}"),
            *(f"--seed={FLAGS.seed}", f"--corpus={work_dir / 'corpus'}"),
            *(f"--output_dir={run_dir}", f"--max_minutes={minutes}"),
            f"--backwards={FLAGS.backwards}",
            *options,
        ],
        environment(work_dir),
    )


def check_options(options):
    """Refuse an option for the recipe that this one has to know of."""
    named = {option.lstrip("-").partition("=")[0] for option in options}
    if named & {"backwards", "nobackwards"}:
        raise ValueError(
            "--backwards must stand before the --, since each direction has "
            f"a folder of its own. Received after it: {' '.join(options)}"
        )


def main(arguments):
    started = time.monotonic()
    work_dir = pathlib.Path(FLAGS.work_dir).absolute()
    with common.user_errors():
        check_options(arguments[1:])
        awaited = keep_parcels(FLAGS.parcels, work_dir)
        if FLAGS.wheels and not (work_dir / "site").is_dir():
            install(FLAGS.wheels, work_dir)
    if awaited:
        print(json.dumps({"finished": False, "awaited": awaited}))
        return
    if not (work_dir / "corpus").is_dir():
        with common.user_errors():
            parcels.unpack(work_dir / "parcels", work_dir / "unpacked")
        # Under its name only when it is whole.
        (work_dir / "unpacked").rename(work_dir / "corpus")
    # Both directions may be trained on what was carried once.
    run_dir = work_dir / ("backwards" if FLAGS.backwards else "forwards")
    spent = (time.monotonic() - started) / 60
    # Where no time is left, a slice still runs one epoch.
    minutes = max(0.0, FLAGS.minutes - _SPARE_MINUTES - spent)
    result = pretrain(work_dir, run_dir, minutes, arguments[1:])
    output_dir = pathlib.Path(FLAGS.output_dir)
    output_dir.mkdir(parents=True, exist_ok=True)
    for name in ("language_model_log.csv", "samples.txt"):
        if (run_dir / name).exists():  # a sample comes after a validation
            shutil.copy(run_dir / name, output_dir)
    if result["finished"]:
        with common.user_errors():
            parcels.pack(run_dir / "preset", output_dir, FLAGS.mib)
    print(json.dumps(result))


if __name__ == "__main__":
    app.run(main)
