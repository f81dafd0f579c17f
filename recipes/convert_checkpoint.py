"""Bring a model over from fastai or awd-lstm-lm, or a language model back.

Command:
    python -m recipes.convert_checkpoint --weights=wt103-fwd.pth \
        --itos=itos_wt103.pkl --output_dir=wt103
    python -m recipes.classify_text --preset=wt103/preset
or, as awd-lstm-lm's own script saved them,
    python -m recipes.convert_checkpoint --weights=WT2.pt \
        --itos=corpus.….data --output_dir=wt2
and back, for fastai's `load_pretrained` (needs torch):
    python -m recipes.convert_checkpoint --preset=wt103/preset \
        --output_dir=for_fastai
Hardware, minutes: half a minute on two CPU cores (2026-11-21).
Result: OUTPUT_DIR/preset, or OUTPUT_DIR/weights.pth and itos.pkl; the same
outputs as before to 1e-5 in float32. The last line on stdout is one JSON
object with the paths and the number of tokens.

No code of the files is run. docs/CONVERT.md says which files can be read, and
in which ways the tokens differ.
"""

import json

from absl import flags

from recipes import common
from recipes import outputs
from recipes import pretrained

FLAGS = flags.FLAGS
flags.adopt_module_key_flags(common)
flags.DEFINE_string(
    "weights",
    None,
    "State dict that torch.save wrote, or what awd-lstm-lm's main.py saves.",
)
flags.DEFINE_string(
    "itos",
    None,
    "Tokens of --weights, a pickled list or awd-lstm-lm's corpus.….data.",
)
flags.DEFINE_bool("backwards", False, "The model read texts from their end.")
flags.DEFINE_list(
    "labels", None, "Names of the classes, if it is a classifier of fastai."
)
flags.DEFINE_string("preset", None, "Language model to write for fastai.")
flags.register_multi_flags_validator(
    ["weights", "itos", "preset"],
    lambda given: (
        bool(given["preset"]) != bool(given["weights"])
        and bool(given["itos"]) == bool(given["weights"])
    ),
    message="Give either --preset, or --weights and --itos.",
)
flags.register_multi_flags_validator(
    ["preset", "labels", "backwards"],
    lambda given: (
        not given["preset"] or not (given["labels"] or given["backwards"])
    ),
    message="--labels and --backwards go with --weights; a preset has its own.",
)


def main(_):
    output_dir = common.start(writes=True)
    if not FLAGS.preset:
        outputs.check_preset(output_dir / "preset")
    from ulmfit_keras import convert

    with common.user_errors():
        if FLAGS.preset:
            (model,) = pretrained.load_language_models(FLAGS.preset)
            paths = [output_dir / "weights.pth", output_dir / "itos.pkl"]
            convert.write_fastai(model, *paths)
        elif FLAGS.labels:
            model = convert.read_text_classifier(
                FLAGS.weights,
                FLAGS.itos,
                labels=FLAGS.labels,
                backwards=FLAGS.backwards,
            )
        else:
            model = convert.read_language_model(
                FLAGS.weights, FLAGS.itos, backwards=FLAGS.backwards
            )
    if not FLAGS.preset:
        paths = [output_dir / "preset"]
        outputs.save_preset(model, paths[0])
    print(
        json.dumps(
            {
                "paths": [str(path) for path in paths],
                "tokens": model.backbone.vocabulary_size,
            }
        )
    )


if __name__ == "__main__":
    common.run(main)
