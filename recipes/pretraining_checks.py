"""What pretraining refuses before it starts."""

import hashlib
import json

from absl import flags

from recipes import run_records

FLAGS = flags.FLAGS
# Options that do not say which model is trained, nor in which epochs.
INDIFFERENT = {"corpus", "max_minutes", "prompt", "output_dir", "backend"}


def decisive_options(*splits):
    """What must stay the same from call to call: a dict of options.

    Args:
        *splits: `TokenShards`; of the corpus, its contents count.
    """
    contents = [
        [shards.vocabulary.fingerprint, shards.manifest["splits"][shards.split]]
        for shards in splits
    ]
    digest = hashlib.sha256(json.dumps(contents).encode()).hexdigest()
    options = run_records.recipe_options(but=INDIFFERENT)
    return options | {"corpus_sha256": digest[:16]}


def check_run(output_dir, record, options):
    """Refuse what a run with other options has left in the folder.

    Args:
        output_dir: `pathlib.Path`.
        record: the content of its pretraining.json, empty if there is none.
        options: see `decisive_options`.
    """
    preset = output_dir / "preset"
    if preset.exists() and not record:
        raise ValueError(
            f"The model is written to {preset}, which must not be there yet: "
            "choose another --output_dir, or delete it. "
            f"Received: --output_dir={output_dir}"
        )
    unfinished = output_dir / "unfinished"
    if unfinished.exists() and not record:
        raise ValueError(
            "The options of the run that is to go on must stand in "
            "pretraining.json: choose another --output_dir, or delete "
            f"{unfinished} to start again. Received: no such file, or a "
            f"damaged one, in {output_dir}"
        )
    if preset.exists() or unfinished.exists():
        run_records.check_same_options(
            record.get("options", {}), options, output_dir
        )


def check_size(corpus):
    """Refuse batches that the corpus cannot fill.

    Args:
        corpus: `TokenShards` to train on.
    """
    batch = FLAGS.batch_size * FLAGS.bptt
    if len(corpus) < batch:
        raise ValueError(
            "The corpus must hold the tokens of one batch, --batch_size times "
            f"--bptt, at least. Received: {len(corpus):,} tokens and "
            f"--batch_size={FLAGS.batch_size} --bptt={FLAGS.bptt}"
        )
