"""How fast a language model trains and reads on this machine.

Command:
    python -m recipes.bench_language_model --backend=tensorflow \
        --precision=float32 --batch_size=64 --bptt=70 --vocabulary_size=30000
Hardware, result: a Xeon with AMX, --steps=4: 1,252 tokens a second in training,
one run (2026-11-22); more in docs/RESULTS.md.

The model is the paper's, of 400/1150×3, on random tokens; the state is
carried inside `fit` as in real training. The last line on stdout is one JSON
object: medians over the steps, `gemm_peak_gflops` the machine's speed in one
large matrix product of that precision, `achieved_gflops` the products of the
training step (three times those of the forward pass) over its time,
`input_share` the time in which `fit` has a batch made, of tokens in a
memory-mapped file, over that of a step. `peak_memory_mib` is the machine's
memory, `gpu_memory_mib` that of a GPU.
"""

import json
import pathlib
import tempfile

from absl import flags

from recipes import common
from recipes import processes

FLAGS = flags.FLAGS
flags.adopt_module_key_flags(common)
flags.DEFINE_alias("precision", "dtype")
flags.DEFINE_integer("batch_size", 64, "Rows of the token stream.")
flags.DEFINE_integer("bptt", 70, "Window length in tokens.")
flags.DEFINE_integer("vocabulary_size", 30_000, "Words.")
flags.DEFINE_integer("embedding_dim", 400, "Size of word vectors.")
flags.DEFINE_integer("hidden_dim", 1150, "Units of the inner LSTM layers.")
flags.DEFINE_integer("num_layers", 3, "Number of LSTM layers.")
flags.DEFINE_integer("steps", 10, "Timed training steps.")
flags.DEFINE_integer(
    "num_sampled", 0, "Words in a sampled softmax; 0 for the exact one."
)
flags.DEFINE_integer(
    "chunk_size",
    None,
    "Tokens in a chunk of the exact softmax, 0 for all. Defaults to what "
    "`StreamLanguageModel` chooses.",
)
flags.DEFINE_bool(
    "portable", False, "Take the LSTM for any device where cuDNN's would run."
)


def main(_):
    common.start()
    import keras
    import numpy as np

    from recipes import measuring
    from ulmfit_keras import data
    from ulmfit_keras import layers
    from ulmfit_keras import models
    from ulmfit_keras import optimizers
    from ulmfit_keras import settings

    backbone = models.AWDLSTMBackbone(
        FLAGS.vocabulary_size,
        FLAGS.embedding_dim,
        FLAGS.hidden_dim,
        FLAGS.num_layers,
    )
    for layer in backbone.layers:
        if isinstance(layer, layers.WeightDropLSTM):
            layer.portable = FLAGS.portable
    language_model = models.AWDLSTMCausalLM(backbone)
    paths = models.fast_path_report(language_model)
    print(paths)
    trainer = models.StreamLanguageModel(
        language_model,
        FLAGS.batch_size,
        num_sampled=FLAGS.num_sampled or None,
        chunk_size="auto" if FLAGS.chunk_size is None else FLAGS.chunk_size,
    )
    stage = settings.LANGUAGE_MODEL_SETTINGS["paper"]
    trainer.compile(
        optimizers.FusedAdam(stage.learning_rate, stage.beta_1, stage.beta_2)
    )
    skipped = 3
    tokens = FLAGS.batch_size * FLAGS.bptt
    ids = np.random.default_rng(FLAGS.seed).integers(
        FLAGS.vocabulary_size, size=(skipped + FLAGS.steps) * tokens + 1
    )
    ids = ids.astype("uint16" if ids.max() < 2**16 else "int32")

    class Stream(measuring.TimedReads, data.TokenStream):
        pass

    times = measuring.StepTimes(skipped)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "ids.npy")
        np.save(path, ids)
        ids = np.load(path, mmap_mode="r")
        stream = Stream(ids, FLAGS.batch_size, FLAGS.bptt)
        trainer.fit(stream, callbacks=[times], verbose=0)
    step = measuring.median(times.epochs[0])

    # Reading ahead without a loss, as in prediction.
    read = keras.Model(
        backbone.input,
        language_model.output_logits(backbone(backbone.input))[:, -1, :1],
    )
    batch = {
        name: np.ones((FLAGS.batch_size, FLAGS.bptt), "int32")
        for name in ("token_ids", "padding_mask")
    }
    forward = measuring.seconds(
        lambda: read.predict_on_batch(batch), max(3, FLAGS.steps // 2)
    )
    words = FLAGS.num_sampled or FLAGS.vocabulary_size
    flops = 3 * tokens * measuring.model_flops(backbone, words)
    print(
        json.dumps(
            {
                "train_tokens_per_second": round(tokens / step, 1),
                "forward_tokens_per_second": round(
                    tokens / measuring.median(forward), 1
                ),
                "step_seconds": step,
                "input_share": round(
                    measuring.median(stream.read_seconds) / step, 5
                ),
                "peak_memory_mib": processes.peak_memory_mib(),
                "gpu_memory_mib": measuring.gpu_memory_mib(),
                "gemm_peak_gflops": measuring.gemm_peak_gflops(
                    keras.config.dtype_policy().compute_dtype
                ),
                "achieved_gflops": round(flops / step / 1e9, 1),
                "parameters": language_model.count_params(),
                "paths": paths.splitlines(),
                "backend": keras.backend.backend(),
                "precision": FLAGS.dtype,
            }
        )
    )


if __name__ == "__main__":
    common.run(main)
