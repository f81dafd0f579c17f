"""Stage 2: fine-tune a pretrained language model on the target's text.

Command:
    python -m recipes.finetune_language_model --train=train.csv \
        --unlabeled=more.csv --output_dir=finetuned
Hardware, minutes, result: AG News, three epochs, 16 minutes on one core of an
AMD EPYC beside other programs, perplexity 35.5, one run (2026-11-28); more in
docs/RESULTS.md.

Labels are not looked at and the test table's texts are not learnt from; a
table without labels is read with --label_column= and nothing after it. Without
--test all texts are learnt from; with --test_fraction a part is left out, the
one that recipes.train_classifier holds out by the same fraction and seed. The
model is written to OUTPUT_DIR/preset; give that to recipes.train_classifier.
The last line printed is one JSON object.
"""

import json
import time

from absl import flags

from recipes import common
from recipes import inputs
from recipes import outputs
from recipes import pretrained
from recipes import training

FLAGS = flags.FLAGS
common.define_table_flags()
common.define_stage_flags()
common.define_language_model_flags()
flags.adopt_module_key_flags(common)
flags.register_validator(
    "lm_epochs", lambda epochs: epochs > 0, "this recipe needs 1 or more"
)


def main(_):
    started = time.monotonic()
    output_dir = common.start(writes=True)
    outputs.check_preset(output_dir / "preset")
    import keras

    from ulmfit_keras import data

    tables, changes = inputs.read_tables(FLAGS["test_fraction"].present)
    (language_model,) = pretrained.load_language_models(FLAGS.preset)
    tokenizer = language_model.preprocessor.tokenizer
    report = data.data_report(tables, tokenizer, changes=changes)
    print(f"\n{data.format_report(report)}\n")
    history = training.finetune_language_model(
        language_model, tables, output_dir
    )
    print(history.vocabulary_transfer)
    outputs.save_preset(language_model, output_dir / "preset")
    print(
        json.dumps(
            {
                "perplexity": min(
                    history.history.get("val_perplexity", [None])
                ),
                "epochs": len(history.epoch),
                "seconds": round(time.monotonic() - started, 1),
                "backend": keras.backend.backend(),
            }
        )
    )


if __name__ == "__main__":
    common.run(main)
