"""Stage 1: pretrain an AWD-LSTM language model on general text.

Commands:
    python -m recipes.prepare_corpus --train='wiki/train-*.txt.xz' \
        --valid=wiki/valid.txt.xz --vocabulary_size=20000 --output_dir=corpus
    python -m recipes.pretrain_language_model --corpus=corpus --passes=1 \
        --output_dir=pretrained
Hardware, minutes, result: see docs/RESULTS.md.

With --max_minutes it stops in time, everything kept; the same command goes on
from there, as it does after a crash, and ends with the weights of one unbroken
run. With --preset it goes on from a finished model, on other text that was
prepared with that model's --vocabulary. OUTPUT_DIR then holds the model
(preset/), language_model_log.csv, samples.txt with a text by the model after
each validation, and tensorboard/ where TensorFlow is installed. The last line
on stdout is one JSON object.
"""

import json
import math
import time

from absl import flags

from recipes import common

FLAGS = flags.FLAGS
flags.adopt_module_key_flags(common)
flags.DEFINE_string("corpus", None, "What prepare_corpus wrote.", required=True)
flags.DEFINE_float(
    "passes", 1.0, "How often to read the corpus.", lower_bound=1e-6
)
flags.DEFINE_float(
    "max_minutes", None, "Stop so early that the next call can go on."
)
flags.DEFINE_string(
    "preset", None, "Language model to go on from. Defaults to a new one."
)
flags.DEFINE_integer("embedding_dim", 256, "Size of word vectors.")
flags.DEFINE_integer("hidden_dim", 512, "Units of the inner LSTM layers.")
flags.DEFINE_integer("num_layers", 2, "Number of LSTM layers.")
flags.DEFINE_float(
    "dropout_multiplier", 0.0, "Scales the released scripts' dropout rates."
)
flags.DEFINE_float("alpha", 0.0, "Weight of activation regularization.")
flags.DEFINE_float("beta", 0.0, "Weight of its temporal kin.")
flags.DEFINE_integer("batch_size", 64, "Rows of the token stream.")
flags.DEFINE_integer("bptt", 70, "Window length in tokens.")
flags.DEFINE_integer(
    "num_sampled", 2048, "Words in the sampled softmax; 0 for the exact one."
)
flags.DEFINE_float("learning_rate", 1e-2, "Highest learning rate of Adam.")
flags.DEFINE_float("clip_norm", 0.3, "Largest norm of the gradient.")
flags.DEFINE_bool("backwards", False, "Train on reversed documents.")
flags.DEFINE_integer(
    "steps_per_validation",
    1000,
    "Most batches between two validations, and between two checkpoints.",
)
flags.DEFINE_string(
    "prompt",
    "The history of",
    "What the texts in samples.txt begin with; end with, if --backwards.",
)

SIZES = ("embedding_dim", "hidden_dim", "num_layers")


def new_language_model(corpus):
    """A new model with the corpus' tokenizer."""
    from ulmfit_keras import models

    backbone = models.AWDLSTMBackbone(
        vocabulary_size=len(corpus.vocabulary),
        **{name: FLAGS[name].value for name in SIZES},
        backwards=FLAGS.backwards,
    )
    language_model = models.AWDLSTMCausalLM(
        backbone, models.AWDLSTMCausalLMPreprocessor(corpus.tokenizer())
    )
    language_model.start_from_counts(corpus.token_counts())
    return language_model


@common.user_errors()
def load_language_model(corpus):
    """The model of --preset, which must fit the corpus and the options."""
    from ulmfit_keras import models

    given = [f"--{name}" for name in SIZES if FLAGS[name].present]
    if given:
        raise ValueError(
            "A preset has its sizes: give --preset or sizes. "
            f"Received: --preset and {' '.join(given)}"
        )
    language_model = models.AWDLSTMCausalLM.from_preset(FLAGS.preset)
    backwards = language_model.backbone.backwards
    if backwards != FLAGS.backwards:
        raise ValueError(
            "--backwards must be given if the model of --preset reads "
            f"backwards, and only then. Received: {FLAGS.preset}, which has "
            f"backwards={backwards}"
        )
    vocabulary = language_model.preprocessor.tokenizer.vocabulary
    if vocabulary.fingerprint != corpus.vocabulary.fingerprint:
        raise ValueError(
            "The corpus must have the words of --preset: prepare it with "
            f"--vocabulary={FLAGS.preset}. Received: the fingerprints "
            f"{corpus.vocabulary.fingerprint} and {vocabulary.fingerprint}"
        )
    return language_model


def write_sample(language_model, path, logs):
    """Append a text by the model to a file."""
    (sample,) = language_model.generate([FLAGS.prompt], max_length=50)
    with open(path, "a", encoding="utf-8") as file:
        file.write(f"perplexity {logs['val_perplexity']:.1f}: {sample}\n")


def main(_):
    output_dir = common.start()
    import keras
    import keras_hub

    from recipes import training
    from ulmfit_keras import callbacks
    from ulmfit_keras import data
    from ulmfit_keras import models
    from ulmfit_keras import optimizers
    from ulmfit_keras import schedules

    started = time.monotonic()
    corpus, valid = (
        data.TokenShards(FLAGS.corpus, split, FLAGS.backwards)
        for split in ("train", "valid")
    )
    make = load_language_model if FLAGS.preset else new_language_model
    language_model = make(corpus)
    language_model.backbone.set_dropout(
        "fastai_language_model", multiplier=FLAGS.dropout_multiplier
    )
    language_model.compile(
        sampler=keras_hub.samplers.TopPSampler(p=0.8, seed=FLAGS.seed)
    )
    stream = data.TokenStream(corpus, FLAGS.batch_size, FLAGS.bptt)
    # Validations as far from each other as they may be, but evenly, so that
    # the last of them ends with the passes.
    steps = math.ceil(FLAGS.passes * stream.steps)
    epochs = math.ceil(steps / FLAGS.steps_per_validation)
    stream.steps_per_epoch = math.ceil(steps / epochs)
    print(
        f"{len(corpus):,} training and {len(valid):,} validation tokens, "
        f"{len(corpus.vocabulary):,} words, "
        f"{language_model.count_params():,} parameters, "
        f"{epochs} epochs of {len(stream):,} batches"
    )
    trainer = models.StreamLanguageModel(
        language_model,
        batch_size=FLAGS.batch_size,
        alpha=FLAGS.alpha,
        beta=FLAGS.beta,
        num_sampled=FLAGS.num_sampled or None,
    )
    trainer.compile(
        optimizers.FusedAdam(
            schedules.SlantedTriangular(
                FLAGS.learning_rate, epochs * len(stream)
            ),
            beta_1=0.8,
            beta_2=0.99,
            global_clipnorm=FLAGS.clip_norm,
        )
    )
    resumable = callbacks.ResumableTraining(
        output_dir / "unfinished", data=stream, max_minutes=FLAGS.max_minutes
    )
    history = trainer.fit(
        stream,
        epochs=epochs,
        validation_data=data.TokenStream(valid, FLAGS.batch_size, FLAGS.bptt),
        callbacks=[
            *training.logs(output_dir, "language model", append=True),
            keras.callbacks.LambdaCallback(
                on_epoch_end=lambda epoch, logs: write_sample(
                    language_model, output_dir / "samples.txt", logs
                )
            ),
            keras.callbacks.TerminateOnNaN(),
            resumable,
        ],
    )
    if resumable.finished:
        language_model.save_to_preset(output_dir / "preset")
        models.store_as_float16(output_dir / "preset")
    steps_taken = int(trainer.optimizer.iterations)
    print(
        json.dumps(
            {
                "finished": resumable.finished,
                "perplexity": history.history["val_perplexity"][-1],
                "tokens_seen": steps_taken * FLAGS.batch_size * FLAGS.bptt,
                "parameters": language_model.count_params(),
                "seconds": round(time.monotonic() - started, 1),
                "backend": keras.backend.backend(),
            }
        )
    )


if __name__ == "__main__":
    common.run(main)
