"""fastai's side of `bench_against_fastai`, one part in a process of its own.

Command, which `bench_against_fastai` gives:
    python -m recipes.fastai_side JSON

JSON is the object that `bench_against_fastai` makes of its options. The last
line on stdout is one JSON object. Only fastai, torch and what they need are
imported, so the environment may lack Keras.
"""

import json
import statistics
import sys
import time

import numpy as np
import torch
from fastai.text import all as fastai

from recipes import processes

# Of momentum over a cycle, in fastai's own text examples.
MOMENTA = (0.8, 0.7, 0.8)


class NoValidation(fastai.Callback):
    """Leaves all the time to training."""

    def before_validate(self):
        raise fastai.CancelValidException


class StepTimes(NoValidation):
    """Keeps the moments at which batches of training end."""

    def __init__(self):
        self.ends = []

    def after_batch(self):
        self.ends.append(time.perf_counter())


def config(settings, defaults):
    """fastai's settings of an AWD-LSTM of these sizes."""
    return {
        **defaults,
        "emb_sz": settings["embedding_dim"],
        "n_hid": settings["hidden_dim"],
        "n_layers": settings["num_layers"],
    }


def quiet(learner):
    """A learner without the lines that it prints for people."""
    learner.remove_cbs([fastai.ProgressCallback, fastai.Recorder])
    return learner


def language_model_learner(settings, ids, tokens, **kwargs):
    """A learner with new weights whose epoch is a stream of ids.

    Args:
        settings: dict with the sizes of the model and the batches.
        ids: int64 array, (tokens of the stream,).
        tokens: list of str, the vocabulary.
        **kwargs: of fastai's function.
    """
    batches = fastai.LMDataLoader(
        [(fastai.TensorText(torch.from_numpy(ids)),)],
        bs=settings["batch_size"],
        seq_len=settings["bptt"],
    )
    loaders = fastai.DataLoaders(batches, batches)
    loaders.vocab = tokens
    return quiet(
        fastai.language_model_learner(
            loaders,
            fastai.AWD_LSTM,
            config(settings, fastai.awd_lstm_lm_config),
            pretrained=False,
            **kwargs,
        )
    )


def random_learner(settings, steps):
    """A learner whose epoch is some batches of random tokens."""
    words = settings["vocabulary_size"]
    ids = np.random.default_rng(settings["seed"]).integers(
        words, size=steps * settings["batch_size"] * settings["bptt"] + 1
    )
    return language_model_learner(settings, ids, list(map(str, range(words))))


def training(settings):
    skipped = 3
    shape = settings["batch_size"], settings["bptt"]
    tokens = shape[0] * shape[1]
    learner = random_learner(settings, skipped + settings["steps"])
    times = StepTimes()
    learner.fit(1, cbs=times)
    step = statistics.median(np.diff(times.ends)[skipped - 1 :].tolist())

    model = learner.model.eval()
    with torch.no_grad():
        forward = processes.seconds(
            lambda: model(torch.ones(shape, dtype=torch.long)),
            max(3, settings["steps"] // 2),
        )
    return {
        "train_tokens_per_second": round(tokens / step, 1),
        "forward_tokens_per_second": round(
            tokens / statistics.median(forward), 1
        ),
        "step_seconds": round(step, 5),
        "parameters": sum(p.numel() for p in model.parameters()),
    }


def memory(settings):
    before = processes.resident_memory_mib()
    random_learner(settings, 1).fit(1, cbs=StepTimes())
    peak = processes.peak_memory_mib()
    return {
        "step_memory_mib": round(peak - before, 1),
        "peak_memory_mib": peak,
        "memory_before_mib": before,
    }


def classifier_learner(settings, loaders):
    """A learner of a new classifier with fastai's own head."""
    return quiet(
        fastai.text_classifier_learner(
            loaders,
            fastai.AWD_LSTM,
            config=config(settings, fastai.awd_lstm_clas_config),
            pretrained=False,
            n_out=2,
            loss_func=fastai.CrossEntropyLossFlat(),
        )
    )


def prediction(settings):
    with np.load(settings["documents"]) as file:
        documents = np.split(file["ids"].astype("int64"), file["ends"][:-1])
    # As fastai's `TextBlock` sets it up. No workers: the ids are there.
    batches = fastai.SortedDL(
        [(fastai.TensorText(torch.from_numpy(ids)),) for ids in documents],
        bs=settings["batch_size"],
        before_batch=fastai.Pad_Chunk(),
        num_workers=0,
    )
    loaders = fastai.DataLoaders(batches, batches)
    loaders.vocab = list(map(str, range(settings["vocabulary_size"])))
    learner = classifier_learner(settings, loaders)
    first, second = processes.seconds(
        lambda: learner.get_preds(dl=batches), repeats=2, warm_up=0
    )
    return {
        "documents_per_second": round(len(documents) / second, 3),
        "first_documents_per_second": round(len(documents) / first, 3),
    }


def single_text(settings):
    with open(settings["vocabulary"], encoding="utf-8", newline="\n") as file:
        vocabulary = file.read().removesuffix("\n").split("\n")
    rows = fastai.pd.DataFrame(
        {
            "text": [settings["text"]] * 4,
            "label": ["no", "yes"] * 2,
            "valid": [False, False, True, True],  # both labels in both parts
        }
    )
    loaders = fastai.TextDataLoaders.from_df(
        rows,
        text_col="text",
        label_col="label",
        text_vocab=vocabulary,
        valid_col="valid",
        bs=2,
        num_workers=0,
    )
    learner = classifier_learner(settings, loaders)
    times = processes.seconds(
        lambda: learner.predict(settings["text"]), settings["repeats"]
    )
    return {"seconds": round(statistics.median(times), 6)}


PARTS = {
    "training": training,
    "memory": memory,
    "prediction": prediction,
    "single_text": single_text,
}


def main():
    settings = json.loads(sys.argv[1])
    fastai.default_device(False)  # the processor
    torch.manual_seed(settings["seed"])
    print(json.dumps(PARTS[settings["part"]](settings)))


if __name__ == "__main__":
    main()
