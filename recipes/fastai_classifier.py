"""fastai's side of `downstream_table`: stages 2 and 3 as its users run them.

Command, which `downstream_table` gives:
    python -m recipes.fastai_classifier JSON

JSON names the part, "language_model" or "classifier", and its settings. The
last line on stdout is one JSON object. Only fastai, torch and what they need
are imported, so the environment may lack Keras.

Schedules, rates and momenta are those of fastai's own text tutorial, divided
among as many epochs as ours; dropout rates are its defaults, scaled.
"""

import collections
import json
import pathlib
import random
import sys
import time

from fastai.text import all as fastai

from recipes.fastai_side import MOMENTA
from recipes.fastai_side import NoValidation
from recipes.fastai_side import config

# The tutorial's first epoch trains the words only, and it has no rate for one
# epoch of all layers; docs/DECISIONS.md tells how this one was chosen.
ONLY_EPOCH_PEAK = 1e-2
PEAKS = (1e-2, 5e-3, 1e-3)
FACTOR = 2.6
LARGEST_VOCABULARY = 20_000


def read_rows(path):
    """Rows of a file, as pairs of a label and tokens."""
    with open(path, encoding="utf-8", newline="\n") as file:
        pairs = [line.rstrip("\n").split("\t") for line in file]
    return [(label, tokens.split(" ")) for label, tokens in pairs]


def drawn_rows(rows, most, seed):
    """As many rows, drawn at random; all of them where `most` is None."""
    if most is None or most >= len(rows):
        return rows
    return random.Random(seed).sample(rows, most)


def numbers(rows, vocabulary):
    """The tokens of rows as fastai's tensors, unknown ones as xxunk."""
    places = {token: place for place, token in enumerate(vocabulary)}
    return [
        fastai.TensorText([places.get(token, 0) for token in tokens])
        for _, tokens in rows
    ]


def language_model(settings):
    """Fine-tune a language model; its encoder stays in the folder."""
    rows = [row for path in settings["texts"] for row in read_rows(path)]
    vocabulary = fastai.make_vocab(
        collections.Counter(token for _, tokens in rows for token in tokens),
        min_freq=2,
        max_vocab=LARGEST_VOCABULARY,
    )
    rows = drawn_rows(rows, settings["most_rows"], settings["seed"])
    held_out = max(1, len(rows) // 100)
    loaders = fastai.DataLoaders(
        *(
            fastai.LMDataLoader(
                [(tensor,) for tensor in numbers(part, vocabulary)],
                bs=batch_size,
                seq_len=72,
                shuffle=batch_size == 64,
                num_workers=0,
            )
            for part, batch_size in (
                (rows[held_out:], 64),
                (rows[:held_out], 4),
            )
        )
    )
    loaders.vocab = vocabulary
    learner = fastai.language_model_learner(
        loaders,
        fastai.AWD_LSTM,
        config(settings, fastai.awd_lstm_lm_config),
        drop_mult=settings["dropout_multiplier"],
        pretrained=False,
        path=settings["folder"],
        metrics=fastai.Perplexity(),
    )
    learner.remove_cb(fastai.ProgressCallback)
    learner.load_pretrained(settings["weights"], settings["itos"])
    if settings["epochs"] == 1:
        learner.unfreeze()
        learner.fit_one_cycle(1, ONLY_EPOCH_PEAK, moms=MOMENTA)
    else:
        learner.fit_one_cycle(1, 2e-2, moms=MOMENTA)
        learner.unfreeze()
        learner.fit_one_cycle(settings["epochs"] - 1, 2e-3, moms=MOMENTA)
    learner.save_encoder("encoder")
    folder = pathlib.Path(settings["folder"])
    (folder / "vocabulary.json").write_text(json.dumps(vocabulary))
    return {"perplexity": round(float(learner.validate()[1]), 2)}


def classifier_loader(rows, labels, vocabulary, batch_size, shuffle):
    """Batches of like length, as fastai's `TextBlock` sets them up."""
    items = [
        (tensor, fastai.TensorCategory(labels.index(row[0])))
        for row, tensor in zip(rows, numbers(rows, vocabulary), strict=True)
    ]
    return fastai.SortedDL(
        items,
        bs=batch_size,
        shuffle=shuffle,
        before_batch=fastai.Pad_Chunk(),
        num_workers=0,
    )


def classifier(settings):
    """Train a classifier on an encoder; its error on the test rows."""
    folder = pathlib.Path(settings["folder"])
    vocabulary = json.loads((folder / "vocabulary.json").read_text())
    train, test = map(read_rows, (settings["train"], settings["test"]))
    if settings["rows"] is not None:
        train = [train[row] for row in settings["rows"]]
    labels = sorted({label for label, _ in train})
    batches, test_batches = (
        classifier_loader(
            rows, labels, vocabulary, settings["batch_size"], shuffle
        )
        for rows, shuffle in ((train, True), (test, False))
    )
    loaders = fastai.DataLoaders(batches, test_batches)
    loaders.vocab = vocabulary
    learner = fastai.text_classifier_learner(
        loaders,
        fastai.AWD_LSTM,
        config=config(settings, fastai.awd_lstm_clas_config),
        drop_mult=settings["dropout_multiplier"],
        pretrained=False,
        n_out=len(labels),
        loss_func=fastai.CrossEntropyLossFlat(),
        path=settings["folder"],
    )
    learner.remove_cb(fastai.ProgressCallback)
    learner.load_encoder("encoder")
    learner.freeze()
    # A look at the test rows after each epoch would take most of the time.
    how = {"moms": MOMENTA, "cbs": NoValidation()}
    learner.fit_one_cycle(1, 2e-2, **how)
    epochs = (1, 1, max(1, settings["epochs"] - 3))
    for stage, (peak, count) in enumerate(zip(PEAKS, epochs, strict=True)):
        if stage < 2:
            learner.freeze_to(-2 - stage)
        else:
            learner.unfreeze()
        rates = slice(peak / FACTOR**4, peak)
        learner.fit_one_cycle(count, rates, **how)
    outputs, truth = learner.get_preds(dl=test_batches)
    wrong = (outputs.argmax(1) != truth).float().mean()
    return {"test_error": round(float(wrong), 6)}


PARTS = {"language_model": language_model, "classifier": classifier}


def main():
    settings = json.loads(sys.argv[1])
    fastai.default_device(False)  # the processor
    fastai.set_seed(settings["seed"])
    started = time.monotonic()
    found = PARTS[settings["part"]](settings)
    print(
        json.dumps({**found, "seconds": round(time.monotonic() - started, 1)})
    )


if __name__ == "__main__":
    main()
