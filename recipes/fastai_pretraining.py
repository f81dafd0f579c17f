"""fastai's side of `pretrain_with_fastai`: a language model from scratch.

Command, which `pretrain_with_fastai` gives:
    python -m recipes.fastai_pretraining SETTINGS.json

The last line on stdout is one JSON object. Only fastai, torch and what they
need are imported, so the environment may lack Keras.

Schedule, rate and momenta are those with which fastai's authors pretrain
(their lesson on other languages: one cycle, 0.01 × rows / 48), without
dropout, as ours: the text is read less than once.
"""

import json
import math
import pathlib
import pickle
import statistics
import sys
import time

import numpy as np
import torch
from fastai.text import all as fastai

from recipes.fastai_side import MOMENTA
from recipes.fastai_side import NoValidation
from recipes.fastai_side import StepTimes
from recipes.fastai_side import language_model_learner

_TRIAL_STEPS = 12
# fastai's dropout of weights fails at 0 itself.
_NO_DROPOUT = 1e-6


def make_learner(settings, ids):
    """A learner with new weights on a stream of ids."""
    return language_model_learner(
        settings,
        ids.astype("int64"),
        settings["tokens"],
        drop_mult=_NO_DROPOUT,
    )


def pretrain(settings):
    """Train for some minutes; the weights stay in the folder."""
    started = time.monotonic()
    ids = np.concatenate(
        [np.load(path, mmap_mode="r") for path in settings["shards"]]
    )
    window = settings["batch_size"] * settings["bptt"]
    times = StepTimes()
    trial = make_learner(settings, ids[: _TRIAL_STEPS * window + 1])
    trial.fit(1, 1e-3, cbs=times)
    step = statistics.median(np.diff(times.ends)[2:].tolist())
    left = 60 * settings["minutes"] - (time.monotonic() - started)
    steps = max(1, min(int(left / step), (len(ids) - 1) // window))
    print(f"{step:.3f} s a step, {steps:,} steps", flush=True)

    learner = make_learner(settings, ids[: steps * window + 1])
    rate = 1e-2 * settings["batch_size"] / 48
    learner.fit_one_cycle(1, rate, moms=MOMENTA, cbs=NoValidation())
    seconds = time.monotonic() - started
    if not all(math.isfinite(p.sum()) for p in learner.model.parameters()):
        raise FloatingPointError("fastai's training diverged")
    folder = pathlib.Path(settings["folder"])
    torch.save(learner.model.state_dict(), folder / "weights.pth")
    (folder / "itos.pkl").write_bytes(pickle.dumps(settings["tokens"]))
    return {"tokens_seen": steps * window, "seconds": round(seconds, 1)}


def main():
    settings = json.loads(pathlib.Path(sys.argv[1]).read_text("utf-8"))
    fastai.default_device(False)  # the processor
    fastai.set_seed(settings["seed"])
    print(json.dumps(pretrain(settings)))


if __name__ == "__main__":
    main()
