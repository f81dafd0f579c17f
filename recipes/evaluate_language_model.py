"""How well a language model predicts files of text.

Command:
    python -m recipes.evaluate_language_model --preset=awd_lstm_small_en \
        --texts=wiki/test.txt.xz
Hardware, minutes, result: one core of an AMD EPYC, 4 to 9 minutes: 1.61 bits a
character, perplexity 38.6 of a token, on 2.2 million characters, one run
(2026-11-29); more in docs/RESULTS.md.

Files are as for recipes.prepare_corpus. The last line on stdout is one JSON
object, what `evaluation.language_model_metrics` gives: the perplexity of a
token and of a word, and bits per character, which compare across
vocabularies. With --wikitext=wikitext-103/test.txt.xz in place of --texts it is
what `evaluation.wikitext_metrics` gives: perplexities of WikiText's words, as
papers have them.
"""

import json
import time

from absl import flags

from recipes import common
from recipes import inputs
from recipes import pretrained

FLAGS = flags.FLAGS
flags.adopt_module_key_flags(common)
flags.DEFINE_string("preset", "awd_lstm_small_en", "Language model.")
flags.DEFINE_list("texts", None, "Corpus files or patterns.")
flags.DEFINE_string("wikitext", None, "A tokenised file of WikiText.")
flags.mark_flags_as_mutual_exclusive(["texts", "wikitext"], required=True)
flags.DEFINE_integer(
    "batch_size", 64, "Rows the text is cut into.", lower_bound=1
)


@common.user_errors()
def measure(language_model):
    """The figures, by the options."""
    from ulmfit_keras import data
    from ulmfit_keras import evaluation
    from ulmfit_keras.data.text_files import decode
    from ulmfit_keras.data.text_files import read_bytes

    if FLAGS.wikitext:
        content = decode(read_bytes(FLAGS.wikitext), "utf-8", FLAGS.wikitext)
        return evaluation.wikitext_metrics(
            language_model, content, batch_size=FLAGS.batch_size
        )
    paths = inputs.corpus_files(FLAGS.texts)
    texts = [text for path in paths for text in data.read_documents(path)]
    if not texts:
        raise data.DataError(
            "The files of --texts must hold text. Received: "
            f"{len(paths)} files without a document"
        )
    return evaluation.language_model_metrics(
        language_model, texts, FLAGS.batch_size
    )


def main(_):
    started = time.monotonic()
    common.start()
    import keras

    (language_model,) = pretrained.load_language_models(FLAGS.preset)
    metrics = measure(language_model)
    print(
        json.dumps(
            {
                **metrics,
                "seconds": round(time.monotonic() - started, 1),
                "backend": keras.backend.backend(),
            }
        )
    )


if __name__ == "__main__":
    common.run(main)
