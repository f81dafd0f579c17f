"""How well a language model predicts files of text.

Command:
    python -m recipes.evaluate_language_model --preset=awd_lstm_small_en \
        --texts=wiki/test.txt.xz
Hardware, minutes, result: see docs/RESULTS.md.

Files are as for recipes.prepare_corpus. The last line on stdout is one JSON
object, what `evaluation.language_model_metrics` gives: the perplexity of a
token and of a word, and bits per character, which compare across
vocabularies.
"""

import json
import time

from absl import flags

from recipes import common
from recipes import inputs

FLAGS = flags.FLAGS
flags.adopt_module_key_flags(common)
flags.DEFINE_string("preset", "awd_lstm_small_en", "Language model.")
flags.DEFINE_list("texts", None, "Corpus files.", required=True)
flags.DEFINE_integer(
    "batch_size", 64, "Rows the text is cut into.", lower_bound=1
)


@common.user_errors()
def read_texts():
    from ulmfit_keras import data

    return [text for path in FLAGS.texts for text in data.read_documents(path)]


def main(_):
    started = time.monotonic()
    common.start()
    import keras

    from ulmfit_keras import evaluation

    texts = read_texts()
    (language_model,) = inputs.load_language_models(FLAGS.preset)
    metrics = evaluation.language_model_metrics(
        language_model, texts, FLAGS.batch_size
    )
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
