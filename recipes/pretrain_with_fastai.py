"""Pretrain in fastai on a prepared corpus, to compare with ours.

Command:
    python -m recipes.pretrain_with_fastai --corpus=corpus --minutes=70 \
        --output_dir=by_fastai
    python -m recipes.evaluate_language_model --preset=by_fastai/preset \
        --texts=wiki/test.txt.xz
With fastai in another environment, add --fastai_python=THERE/bin/python.
Hardware, minutes, result: with --minutes=25, 26.3 minutes in all on one core of
a Xeon, perplexity 98.0 of a token of wiki test, where ours has 46.4 after 22.4
minutes, one run each (2026-11-23); more in docs/RESULTS.md.

The sizes, rows and windows are those of recipes.pretrain_language_model by
default, the minutes those in which fastai trains, in float32 on the
processor; see recipes/fastai_pretraining.py for the rest. OUTPUT_DIR/preset
is its model as one of ours, so that both are judged by the same recipes. The
last line on stdout is one JSON object.
"""

import json

from absl import flags

from recipes import common
from recipes import fastai_environment
from recipes import outputs
from recipes import processes

FLAGS = flags.FLAGS
flags.adopt_module_key_flags(common)
flags.adopt_module_key_flags(fastai_environment)
flags.DEFINE_string("corpus", None, "What prepare_corpus wrote.", required=True)
flags.DEFINE_float("minutes", 60.0, "How long to train.", lower_bound=0.01)
flags.DEFINE_integer("embedding_dim", 256, "Size of word vectors.")
flags.DEFINE_integer("hidden_dim", 512, "Units of the inner LSTM layers.")
flags.DEFINE_integer("num_layers", 2, "Number of LSTM layers.")
flags.DEFINE_integer("batch_size", 64, "Rows of the token stream.")
flags.DEFINE_integer("bptt", 70, "Window length in tokens.")

HANDED_ON = ("embedding_dim", "hidden_dim", "num_layers", "batch_size", "bptt")


@common.user_errors()
def read_settings(output_dir):
    """What fastai's side needs to know."""
    from ulmfit_keras import data
    from ulmfit_keras import text

    corpus = data.TokenShards(FLAGS.corpus)
    if not isinstance(corpus.tokenizer(), text.WordTokenizer):
        raise ValueError(
            "--corpus must be one of words, the only vocabulary that comes "
            "back from fastai. Prepare one with --tokenizer=words. "
            f"Received: {FLAGS.corpus}, of {type(corpus.tokenizer()).__name__}"
        )
    return {
        **{name: FLAGS[name].value for name in (*HANDED_ON, "minutes", "seed")},
        "shards": [str(path.absolute()) for path in corpus.paths],
        "tokens": list(corpus.vocabulary.tokens),
        "folder": str(output_dir.absolute()),
    }


def main(_):
    versions = fastai_environment.versions()
    output_dir = common.start(writes=True)
    outputs.check_preset(output_dir / "preset")
    from ulmfit_keras import convert

    # Twenty thousand tokens are too many for a command line.
    path = output_dir / "settings.json"
    path.write_text(json.dumps(read_settings(output_dir)), encoding="utf-8")
    found = processes.run_or_exit(
        fastai_environment.command(
            "-m", "recipes.fastai_pretraining", str(path)
        )
    )
    language_model = convert.read_language_model(
        output_dir / "weights.pth", output_dir / "itos.pkl"
    )
    outputs.save_preset(language_model, output_dir / "preset")
    parameters = language_model.count_params()
    print(json.dumps({**found, "parameters": parameters, **versions}))


if __name__ == "__main__":
    common.run(main)
