"""Before stage 1: turn text files into a vocabulary and token shards.

Command:
    python -m recipes.prepare_corpus --train='wiki/train-*.txt.xz' \
        --valid=wiki/valid.txt.xz --output_dir=corpus
Hardware, minutes, result: five sixths of 10.45 GB took two processes on one
core of a Xeon 100 minutes; 2,326 million tokens in all, 1,400 MiB of
memory at most, one run (2026-11-22); more in docs/RESULTS.md.

Files are text in which a blank line ends a document, what WikiExtractor writes
(with --json or without), or JSON lines with a "text" each; plain or compressed
(.gz, .bz2, .xz, .zst). They may be larger than the memory. The same command
goes on where a run was broken off. OUTPUT_DIR then holds vocabulary.txt, shards
of ids (train-00000-of-00007.npy, …) and manifest.json, for
recipes.pretrain_language_model and data.TokenShards. The last line on stdout
is one JSON object.

For a corpus that no single machine holds, --runner hands the work to Apache
Beam (`pip install -e ".[beam]"`), which writes the same bytes:
    python -m recipes.prepare_corpus --runner=DataflowRunner \
        --beam_options=project=P,region=R,temp_location=gs://B/tmp \
        --train='gs://B/wiki/*' --output_dir=gs://B/corpus
Beam knows words only, no SentencePiece, and does not go on where a run was
broken off but begins anew.
"""

import json
import os
import time

from absl import flags

from recipes import common
from recipes import inputs

FLAGS = flags.FLAGS
flags.adopt_module_key_flags(common)
flags.DEFINE_list("train", None, "Corpus files or patterns.", required=True)
flags.DEFINE_list("valid", [], "Files or patterns to validate on.")
flags.DEFINE_list("test", [], "Files or patterns to test on.")
flags.DEFINE_enum(
    "tokenizer",
    "words",
    ["words", "sentencepiece"],
    "What kind of vocabulary to learn from the training files.",
)
flags.DEFINE_integer(
    "vocabulary_size", 20_000, "Most tokens to learn.", lower_bound=9
)
flags.DEFINE_integer(
    "min_count",
    2,
    "Leave out words seen less often; not for sentencepiece.",
    lower_bound=1,
)
flags.DEFINE_string(
    "vocabulary",
    None,
    "Learn none, take this: the folder of another corpus, its vocabulary.txt "
    "or .spm, or a preset.",
)
flags.DEFINE_integer(
    "shard_tokens", 1 << 26, "Most tokens in a shard, about.", lower_bound=1
)
flags.DEFINE_integer(
    "processes",
    None,
    "How many processes share the work. Defaults to one a processor.",
    lower_bound=1,
)
flags.DEFINE_string("runner", None, "Use Apache Beam with this runner.")
flags.DEFINE_list(
    "beam_options", [], "Other options of Beam, name=value, without dashes."
)


def _tokenizer():
    """What `prepare_corpus` takes as its tokenizer."""
    from ulmfit_keras import data
    from ulmfit_keras import text

    name = FLAGS.vocabulary
    if name is None:
        return FLAGS.tokenizer
    if os.path.isfile(name):
        if name.endswith(".spm"):
            return text.SentencePieceTokenizer(name)
        return text.WordTokenizer(_words(name))
    if os.path.isfile(os.path.join(name, "vocabulary.txt")):
        return data.TokenShards(name).tokenizer()
    import keras_hub

    from ulmfit_keras.models import presets

    return keras_hub.tokenizers.Tokenizer.from_preset(presets.find_preset(name))


def _words(path):
    """The tokens of a vocabulary of words, a list of str."""
    from ulmfit_keras import text
    from ulmfit_keras.convert.itos import num_pieces

    tokens = list(text.Vocabulary.load(path).tokens)
    pieces = num_pieces(tokens)
    if pieces:
        raise ValueError(
            "--vocabulary must hold words, or be the model that cuts them: "
            "give vocabulary.spm, or the folder with both. Received: "
            f"{path}, in which {pieces} of {len(tokens)} tokens are pieces"
        )
    return tokens


@common.user_errors()
def prepare():
    """Prepare the corpus as the options say; returns its manifest."""
    from ulmfit_keras import data

    learnt = ("tokenizer", "vocabulary_size", "min_count")
    given = [FLAGS[name].serialize() for name in learnt if FLAGS[name].present]
    if FLAGS.vocabulary is not None and given:
        raise ValueError(
            "--vocabulary takes one as it is: leave it out, or the options of "
            f"learning one. Received: {' '.join(given)} "
            f"--vocabulary={FLAGS.vocabulary}"
        )
    if FLAGS.tokenizer == "sentencepiece" and FLAGS["min_count"].present:
        raise ValueError(
            "--min_count is for words; pieces are chosen by SentencePiece. "
            f"Received: --min_count={FLAGS.min_count} "
            "--tokenizer=sentencepiece"
        )
    if FLAGS.runner is not None and FLAGS["processes"].present:
        raise ValueError(
            "--processes is for this machine; Beam's runner has workers of its "
            "own: leave one of both out. Received: "
            f"--processes={FLAGS.processes} --runner={FLAGS.runner}"
        )
    common.check_needed(["beam_options"], FLAGS.runner, "--runner")
    splits = {name: FLAGS[name].value for name in ("train", "valid", "test")}
    options = {
        "tokenizer": _tokenizer(),
        "vocabulary_size": FLAGS.vocabulary_size,
        "min_count": FLAGS.min_count,
        "shard_tokens": FLAGS.shard_tokens,
    }
    if FLAGS.runner is None:
        return data.prepare_corpus(
            FLAGS.output_dir,
            **{
                split: inputs.corpus_files(names)
                for split, names in splits.items()
            },
            **options,
            processes=FLAGS.processes or os.cpu_count(),
        )
    from ulmfit_keras.data.corpus import beam

    beam_options = [f"runner={FLAGS.runner}", *FLAGS.beam_options]
    return beam.prepare_corpus_on_beam(
        FLAGS.output_dir,
        **splits,
        **options,
        pipeline_options=[f"--{option}" for option in beam_options],
    )


def main(_):
    if FLAGS.runner is None:  # whose folder may be elsewhere
        common.start()
    started = time.monotonic()
    manifest = prepare()
    summary = {
        f"{split}_{name}": content[name]
        for split, content in manifest["splits"].items()
        for name in ("tokens", "documents", "unknown_share", "not_utf8")
    }
    print(
        json.dumps(
            {
                "vocabulary_size": manifest["vocabulary"]["size"],
                **summary,
                "seconds": round(time.monotonic() - started, 1),
            }
        )
    )


if __name__ == "__main__":
    common.run(main)
