"""How fast this project and fastai are on the same machine.

Command:
    pip install -e ".[recipes,fastai]"
    python -m recipes.bench_against_fastai --backend=tensorflow \
        --texts=imdb/test.csv.xz
With fastai in another environment, add --fastai_python=THERE/bin/python.
Hardware, result: two cores of an AMD EPYC, TensorFlow, float32: 1.20 times
fastai's tokens a second in training, three rounds within 2 % (2026-11-22), and
1.44 times on another day; more in docs/RESULTS.md.

Both sides have the same sizes, read the same data and take turns, each time
in a new process: ours, fastai's, ours, … Both run on the processor, a
graphics card is hidden from them. --precision and --runtime are ours;
fastai computes in float32. Weights are random.

What is compared:
- training: tokens a second of a language model on random tokens, from the
  end of one step to the end of the next. fastai's step is that of its
  `language_model_learner`, loading the batch, activation regularization,
  clearing of gradients and its Adam with weight decay included; ours is
  `fit` in `bench_language_model` with the exact softmax and Keras' Adam. The
  dropout rates differ (each side's default), but all are above 0, and the
  work does not depend on them. `forward_tokens_per_second`: all logits
  without a loss.
- memory: the peak of resident memory in a process that trains one step, less
  what is resident before the model is built, so that imports do not count.
  Compiling the step does.
- prediction: documents a second of a classifier for the same token ids,
  batched by length by each side's own code. fastai's is `get_preds`, our
  `predict`. The first pass, in which ours compiles a graph per length, is
  given on its own. Tokenization is not compared. Long documents: fastai
  pools the last 1,440 tokens, ours all of them; both read all.
- single_text: seconds until one sentence is answered, tokenization included,
  by fastai's `predict` and ours.
What is not: the quality of what is learned, the start of a process, and
fastai's progress bars and logs, which are switched off.

The last line on stdout is one JSON object, kept as `against_fastai.json` in
--output_dir, too: for each part the medians of the rounds for both sides,
and in "ratio" ours over fastai's. `gemm_peak_share` is the share of the
machine's speed in one large matrix product that our training step reaches,
`load_before` how many programs wanted the processor at the start: figures of
a machine that has other work are of no use, ratios included.
"""

import json
import os
import sys

from absl import flags

from recipes import common
from recipes import fastai_environment
from recipes import processes

PARTS = ["training", "memory", "prediction", "single_text"]
# Options that are handed on, by the names of `bench_language_model`.
HANDED_ON = (
    "embedding_dim",
    "hidden_dim",
    "num_layers",
    "vocabulary_size",
    "batch_size",
    "bptt",
    "steps",
)
SENTENCE = "This film was far better than I had expected it."

FLAGS = flags.FLAGS
flags.adopt_module_key_flags(common)
flags.adopt_module_key_flags(fastai_environment)
flags.DEFINE_alias("precision", "dtype")
flags.DEFINE_list("parts", PARTS, f"What to compare, of {', '.join(PARTS)}.")
flags.DEFINE_integer("rounds", 3, "Runs of each side.", lower_bound=1)
flags.DEFINE_integer("embedding_dim", 400, "Size of word vectors.")
flags.DEFINE_integer("hidden_dim", 1152, "Units of the inner LSTM layers.")
flags.DEFINE_integer("num_layers", 3, "Number of LSTM layers.")
flags.DEFINE_integer("vocabulary_size", 30_000, "Words.")
flags.DEFINE_integer(
    "memory_vocabulary_size", 60_000, "Words in the memory part."
)
flags.DEFINE_integer("batch_size", 64, "Rows or documents in a batch.")
flags.DEFINE_integer("bptt", 70, "Window length in tokens.")
flags.DEFINE_integer("steps", 10, "Timed training steps.", lower_bound=1)
flags.DEFINE_string(
    "texts",
    None,
    "Table with the documents to predict, in any format of --train in other "
    "recipes. Defaults to built-in text, cut to the lengths of film reviews.",
)
flags.DEFINE_string("text_column", "text", "Name of the text column.")
flags.DEFINE_integer(
    "documents", 1000, "How many documents to predict.", lower_bound=1
)
flags.DEFINE_integer(
    "repeats", 20, "Timed predictions of a single text.", lower_bound=10
)
flags.DEFINE_enum(
    "runtime",
    "keras",
    ["keras", "onnx_float32", "onnx_int8"],
    "What runs our side of prediction and single_text.",
)
flags.register_validator(
    "parts",
    lambda parts: parts and set(parts) <= set(PARTS),
    f"must be a list of some of {', '.join(PARTS)}",
)

# Means "none" to CUDA.
NO_GRAPHICS_CARD = "-1"


@common.user_errors()
def write_documents(output_dir):
    """Write what the classifiers of both sides read.

    Returns:
        A dict of paths, "documents" to token ids, one after the other, with
        the places where documents end, and "vocabulary" to the words.
    """
    import numpy as np

    from recipes import documents
    from ulmfit_keras import data

    common.check_needed(["text_column"], FLAGS.texts, "--texts")
    random = np.random.default_rng(FLAGS.seed)
    if FLAGS.texts:
        table = data.read_table(
            FLAGS.texts, text_column=FLAGS.text_column, label_column=None
        )
        chosen = random.permutation(len(table))[: FLAGS.documents]
        texts = [table.texts[i] for i in chosen]
    else:
        texts = data.builtin_passages().train.texts
    ids, vocabulary = documents.encode(texts, FLAGS.vocabulary_size)
    if not FLAGS.texts:
        ids = documents.cut_like_reviews(ids, FLAGS.documents, random)
    lengths = list(map(len, ids))
    print(f"{len(lengths)} documents, {np.mean(lengths):.0f} tokens on average")

    paths = {
        "documents": str(output_dir / "documents.npz"),
        "vocabulary": str(output_dir / "vocabulary.txt"),
    }
    np.savez(
        paths["documents"],
        ids=np.concatenate(ids),
        ends=np.cumsum(lengths),
    )
    vocabulary.save(paths["vocabulary"])
    return paths


def programs(part, settings, options):
    """The commands of both sides for a part.

    Args:
        part: one of `PARTS`.
        settings: dict of what both sides need to know.
        options: list of our side's options.
    """
    if part == "memory":
        settings = {
            **settings,
            "vocabulary_size": FLAGS.memory_vocabulary_size,
        }
    message = json.dumps({**settings, "part": part})
    if part == "training":
        ours = ["recipes.bench_language_model"] + [
            f"--{name}={settings[name]}" for name in HANDED_ON
        ]
    else:
        ours = ["recipes.keras_side", f"--settings={message}"]
    return {
        "ours": [sys.executable, "-m", *ours, *options],
        "fastai": fastai_environment.command(
            "-m", "recipes.fastai_side", message
        ),
    }


def main(_):
    versions = fastai_environment.versions()
    output_dir = common.start()
    import keras

    settings = {
        name: FLAGS[name].value
        for name in (*HANDED_ON, "repeats", "seed", "runtime")
    }
    settings["text"] = SENTENCE
    if {"prediction", "single_text"} & set(FLAGS.parts):
        settings.update(write_documents(output_dir))
    backend = keras.backend.backend()
    options = [
        f"--backend={backend}",
        f"--precision={FLAGS.dtype}",
        f"--seed={FLAGS.seed}",
        f"--output_dir={output_dir}",
    ]
    summary = {
        "backend": backend,
        "precision": FLAGS.dtype,
        "runtime": FLAGS.runtime,
        "versions": {"keras": keras.__version__, **versions},
        "cores": os.cpu_count(),
        "load_before": round(os.getloadavg()[0], 2),
        "rounds": FLAGS.rounds,
    }
    for part in FLAGS.parts:
        print(f"{part}:", flush=True)
        results = processes.take_turns(
            programs(part, settings, options),
            FLAGS.rounds,
            {**os.environ, "CUDA_VISIBLE_DEVICES": NO_GRAPHICS_CARD},
        )
        if part == "training":
            for run in results["ours"]:
                run["gemm_peak_share"] = (
                    run["achieved_gflops"] / run["gemm_peak_gflops"]
                )
        summary[part] = processes.compare(results)
        (output_dir / "against_fastai.json").write_text(json.dumps(summary))
    print(json.dumps(summary))


if __name__ == "__main__":
    common.run(main)
