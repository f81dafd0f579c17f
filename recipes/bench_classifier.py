"""How fast a classifier trains, stage by stage, and predicts.

Command:
    python -m recipes.bench_classifier --backend=tensorflow
Hardware, result: two cores of an AMD EPYC, --train_length=128 --steps=5: 1.16
seconds a step of the head only, 3.35 of all groups, 2.9 times as many, one run
(2026-11-21); more in docs/RESULTS.md.

The model is the paper's, of 400/1150×3, or with --preset a trained one, on
random tokens. Training runs through all stages of gradual unfreezing in one
`fit`. The last line on stdout is one JSON object: median seconds of a
training step by number of unfrozen groups, how many times faster the first
stage is than the last, documents a second, and seconds until one document is
answered (median and 95th percentile), by length and batch size. `input_share`
is the time in which `fit` has a batch made over that of a step of the first
stage, `peak_memory_mib` the machine's memory, `gpu_memory_mib` a GPU's.
"""

import json

from absl import flags

from recipes import common
from recipes import processes

FLAGS = flags.FLAGS
flags.adopt_module_key_flags(common)
flags.DEFINE_alias("precision", "dtype")
flags.DEFINE_string("preset", None, "Measure this backbone instead.")
flags.DEFINE_integer("vocabulary_size", 30_000, "Words.")
flags.DEFINE_integer("batch_size", 32, "Documents in a training step.")
flags.DEFINE_integer("train_length", 256, "Tokens of a training document.")
flags.DEFINE_integer("steps", 6, "Timed training steps of each stage.")
flags.DEFINE_integer("repeats", 20, "Timed predictions of each kind.")
flags.DEFINE_list("lengths", ["16", "256"], "Tokens of a document.")
flags.DEFINE_list("batch_sizes", ["1", "32"], "Documents in a prediction.")


def main(_):
    with common.user_errors():
        common.check_needed(
            ["vocabulary_size"],
            not FLAGS.preset,
            "random weights; a preset has its words",
            beside=["preset"],
        )
    common.start()
    import keras
    import numpy as np

    from recipes import measuring
    from ulmfit_keras import callbacks
    from ulmfit_keras import data
    from ulmfit_keras import models
    from ulmfit_keras import optimizers

    if FLAGS.preset:
        backbone = models.AWDLSTMBackbone.from_preset(FLAGS.preset)
    else:
        backbone = models.AWDLSTMBackbone(FLAGS.vocabulary_size)
    classifier = models.AWDLSTMTextClassifier(backbone, num_classes=2)
    generator = np.random.default_rng(FLAGS.seed)

    def documents(number, length):
        return generator.integers(
            20, backbone.vocabulary_size, size=(number, length)
        ).tolist()

    groups = classifier.layer_groups()
    skipped = 2
    rows = (skipped + FLAGS.steps) * FLAGS.batch_size
    times = measuring.StepTimes(skipped)
    print(models.fast_path_report(classifier))
    trainer = classifier.logits_model(alpha=2.0, beta=1.0)
    trainer.compile(
        optimizers.DiscriminativeOptimizer(optimizers.FusedAdam(), groups),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )

    class Batches(measuring.TimedReads, data.LengthBuckets):
        pass

    batches = Batches(
        documents(rows, FLAGS.train_length),
        generator.integers(2, size=rows),
        batch_size=FLAGS.batch_size,
    )
    trainer.fit(
        batches,
        epochs=len(groups),
        shuffle=False,
        callbacks=[callbacks.GradualUnfreezing("one_by_one"), times],
        verbose=0,
    )
    steps = [measuring.median(epoch) for epoch in times.epochs]

    predictions = []
    for length in map(int, FLAGS.lengths):
        for size in map(int, FLAGS.batch_sizes):
            texts = documents(size, length)
            taken = measuring.seconds(
                lambda: classifier.predict(texts, batch_size=size),  # noqa: B023
                FLAGS.repeats,
            )
            predictions.append(
                {
                    "length": length,
                    "batch_size": size,
                    "documents_per_second": round(
                        size / measuring.median(taken), 2
                    ),
                    "p50_seconds": measuring.median(taken),
                    "p95_seconds": measuring.rounded(np.quantile(taken, 0.95)),
                }
            )
    print(
        json.dumps(
            {
                "step_seconds_by_unfrozen_groups": steps,
                "head_only_speedup": round(steps[-1] / steps[0], 2),
                "input_share": round(
                    measuring.median(batches.read_seconds) / steps[0], 5
                ),
                "predictions": predictions,
                "peak_memory_mib": processes.peak_memory_mib(),
                "gpu_memory_mib": measuring.gpu_memory_mib(),
                "parameters": classifier.count_params(),
                "backend": keras.backend.backend(),
                "precision": FLAGS.dtype,
            }
        )
    )


if __name__ == "__main__":
    common.run(main)
