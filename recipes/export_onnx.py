"""Write a trained classifier as ONNX, the fastest way to predict on a CPU.

Command:
    pip install -e ".[recipes,onnx]"
    python -m recipes.export_onnx --model=outputs/model.keras \
        --precision=int8 --texts=reviews.csv --text_column=review
Hardware, minutes: some seconds on two CPU cores, without --texts.
Result: OUTPUT_DIR/onnx with the graph, its tokenizer and the names of the
classes (see `ulmfit_keras.export.onnx_model`), and as the last line on stdout
one JSON object with `path`, `bytes`, `largest_difference`, by how much its
outputs and the classifier's differ, and `same_labels`, the share of texts of
which both name the same likeliest class, or the same labels where texts have
several; null where outputs are numbers.
A classifier for IMDb came to 7.9 MB in int8 and named the same label for 99.8 %
of 1,000 reviews, when eight bits were multiplied, not seven (2026-11-22); more
in docs/RESULTS.md.

The two are compared on --texts, a table, or else on three texts. Look at this
before you use int8, on texts like those it is for.
"""

import json

from absl import flags

from recipes import common
from recipes import trained

FLAGS = flags.FLAGS
flags.adopt_module_key_flags(common)
flags.adopt_module_key_flags(trained)
flags.DEFINE_enum(
    "precision", "float32", ["float32", "int8"], "Of the exported weights."
)
flags.DEFINE_string("texts", None, "Table of texts to compare on.")
common.define_reading_flags()
flags.DEFINE_integer(
    "rows", None, "Compare on so many rows only, the first.", lower_bound=1
)


@common.user_errors()
def read_texts():
    """The texts to compare on."""
    from ulmfit_keras import data

    common.check_needed(
        ["rows", *common.reading_options()], FLAGS.texts, "--texts"
    )
    if FLAGS.texts is None:
        return trained.TEXTS
    table = data.read_table(
        FLAGS.texts, label_column=None, **common.reading_options()
    )
    return table.texts[: FLAGS.rows]


def main(_):
    output_dir = common.start()
    from ulmfit_keras import export

    texts = read_texts()
    classifier = trained.load_classifier()
    path = output_dir / "onnx"
    with common.user_errors():
        export.onnx_model(classifier, path, FLAGS.precision)
    found = export.OnnxClassifier(path).predict(texts)
    expected = classifier.predict(texts)
    print(
        json.dumps(
            {
                **trained.comparison(path, found, expected),
                "same_labels": trained.same_labels(
                    found, expected, classifier.problem_type
                ),
                "texts": len(texts),
            }
        )
    )


if __name__ == "__main__":
    common.run(main)
