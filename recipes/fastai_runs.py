"""How `downstream_table` has fastai train on the same tokens and weights."""

import importlib.util
import json

from absl import flags

from recipes import common
from recipes import fastai_environment
from recipes import pretrained
from recipes import processes
from recipes import run_records
from recipes.downstream_settings import FASTAI_STAGE_2_ROWS
from recipes.downstream_settings import STAGE_2
from recipes.downstream_settings import STAGE_3

FLAGS = flags.FLAGS
# Of fastai's text tutorial.
DROPOUT = {"language_model": 0.3, "classifier": 0.5}


@common.user_errors()
def check_packages():
    """Miss packages of both sides before the hours of our own runs.

    Raises:
        ImportError: if fastai is not there, or torch on our side.
    """
    fastai_environment.versions()
    if not importlib.util.find_spec("torch"):
        raise ImportError(
            "Weights are handed to fastai by torch, which must be installed "
            "here, too: `pip install torch`. Received: no module torch"
        )


@common.user_errors()
def check_preset():
    """Refuse a model that fastai would read another text with than ours.

    It is handed words, to be read forwards.

    Raises:
        ValueError: if --preset has pieces of words, or reads backwards.
    """
    from ulmfit_keras import text

    (language_model,) = pretrained.load_language_models(FLAGS.preset)
    tokenizer = language_model.preprocessor.tokenizer
    backwards = language_model.backbone.backwards
    if backwards or not isinstance(tokenizer, text.WordTokenizer):
        raise ValueError(
            "fastai is handed words, to be read forwards: leave out "
            "--method=fastai, or give a --preset that does so. "
            f"Received: {FLAGS.preset}, with a {type(tokenizer).__name__} and "
            f"backwards={backwards}"
        )


def run(part, settings):
    """Run a part of recipes.fastai_classifier."""
    settings = {
        "part": part,
        "dropout_multiplier": DROPOUT[part],
        **settings,
    }
    return processes.run_or_exit(
        fastai_environment.command(
            "-m", "recipes.fastai_classifier", json.dumps(settings)
        )
    )


def write_tokens(tables, folder):
    """A file for each table: a row a line, the label, a tab, the tokens.

    Returns:
        A dict from names of tables to paths, as str.
    """
    from ulmfit_keras.text.word_splitting import BEGINNING
    from ulmfit_keras.text.word_splitting import split_words

    paths = {}
    for name, table in tables.items():
        paths[name] = str(folder / f"{name}.txt")
        labels = table.labels or [""] * len(table)
        with open(paths[name], "w", encoding="utf-8", newline="\n") as file:
            for text, label in zip(table.texts, labels, strict=True):
                words = " ".join([BEGINNING, *split_words(text)])
                file.write(f"{label}\t{words}\n")
    return paths


@common.user_errors()
def public_tables(name):
    """The tables of a set in --data_dir."""
    from ulmfit_keras import data

    return data.load_public(name, FLAGS.data_dir)


def finetune(name, folder):
    """Stage 2 in fastai; returns sizes and paths that stage 3 needs."""
    from ulmfit_keras import convert

    (language_model,) = pretrained.load_language_models(FLAGS.preset)
    tables = public_tables(name)
    folder.mkdir(parents=True, exist_ok=True)
    weights, itos = folder / "weights.pth", folder / "itos.pkl"
    convert.write_fastai(language_model, weights, itos)
    paths = write_tokens(
        {
            split: tables[split]
            for split in ("train", "test", "unlabeled")
            if split in tables
        },
        folder,
    )
    backbone = language_model.backbone
    shared = {
        "folder": str(folder),
        "embedding_dim": backbone.embedding_dim,
        "hidden_dim": backbone.hidden_dim,
        "num_layers": backbone.num_layers,
    }
    found = run(
        "language_model",
        {
            **shared,
            "texts": [paths[split] for split in paths if split != "test"],
            "weights": str(weights),
            "itos": str(itos),
            "epochs": STAGE_2[name]["lm_epochs"],
            "most_rows": FASTAI_STAGE_2_ROWS.get(name),
            "seed": 0,
        },
    )
    shared |= {"train": paths["train"], "test": paths["test"]}
    return {**found, "shared": shared}


def labelled_rows(name, count, seed):
    """Which training rows have labels, the same as in our own runs."""
    from ulmfit_keras import data

    if count is None:
        return None
    labels = public_tables(name)["train"].labels
    rows, _ = data.stratified_split(labels, 1 - count / len(labels), seed)
    return [int(row) for row in rows]


def classify(output_dir, row, seed):
    """Both stages in fastai; what it says of the test rows.

    Args:
        output_dir: folder of the table.
        row: name of its row.
        seed: int.
    """
    name, options = row.split("-")[0], STAGE_3[row]
    stage_2 = f"{name}-stage_2-fastai"
    shared = run_records.kept(
        output_dir / "runs" / f"{stage_2}.json",
        lambda: finetune(name, output_dir / "language_models" / stage_2),
        {"preset": FLAGS.preset},
    )["shared"]
    return run(
        "classifier",
        {
            **shared,
            "rows": labelled_rows(name, options.get("train_rows"), seed),
            "batch_size": options.get("batch_size", 64),
            "epochs": options["classifier_epochs"],
            "seed": seed,
        },
    )
