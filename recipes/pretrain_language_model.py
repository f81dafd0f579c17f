"""Stage 1: pretrain an AWD-LSTM language model on general text.

Commands:
    python -m recipes.prepare_corpus --train='wiki/train-*.txt.xz' \
        --valid=wiki/valid.txt.xz --vocabulary_size=20000 --output_dir=corpus
    python -m recipes.pretrain_language_model --corpus=corpus --passes=1 \
        --output_dir=pretrained
Hardware, minutes, result: the preset awd_lstm_small_en took 70 minutes on two
cores of an AMD EPYC, then 71 on one of a Xeon; validation perplexity 42.0 after
three quarters of a pass, one run (2026-11-22); more in docs/RESULTS.md.

With --max_minutes it stops in time, everything kept; the same command goes on
from there, as it does after a crash, and ends with the weights of one unbroken
run; once that is finished, the command tells its result again. Each epoch, of
--steps_per_checkpoint batches at most, ends with a checkpoint to go on from,
and every so many with a validation. For the default model 100 batches take half
a minute on two cores and a checkpoint half a second; ask for fewer where
batches are fast or the model is large. With --preset it goes on from a finished
model, on other text that was prepared with that model's --vocabulary.
OUTPUT_DIR then holds the model (preset/),
language_model_log.csv, samples.txt with a text by the model after each
validation, tensorboard/ where TensorFlow is installed, and pretraining.json
with the options and the result. The last line on stdout is one JSON object.
"""

import json
import math
import sys
import time

from absl import flags

from recipes import common
from recipes import outputs
from recipes import pretrained
from recipes.epochs import cut_into_epochs
from recipes.pretraining_checks import check_run
from recipes.pretraining_checks import check_size
from recipes.pretraining_checks import decisive_options

FLAGS = flags.FLAGS
flags.adopt_module_key_flags(common)
flags.DEFINE_string("corpus", None, "What prepare_corpus wrote.", required=True)
flags.DEFINE_float("passes", 1.0, "How often to read the corpus.")
flags.DEFINE_float(
    "max_minutes", None, "Stop so early that the next call can go on."
)
flags.DEFINE_string(
    "preset", None, "Language model to go on from. Defaults to a new one."
)
flags.DEFINE_integer(
    "embedding_dim", 256, "Size of word vectors.", lower_bound=1
)
flags.DEFINE_integer(
    "hidden_dim", 512, "Units of the inner LSTM layers.", lower_bound=1
)
flags.DEFINE_integer("num_layers", 2, "Number of LSTM layers.", lower_bound=1)
flags.DEFINE_float(
    "dropout_multiplier",
    0.0,
    "Scales the released scripts' dropout rates.",
    lower_bound=0.0,
)
flags.DEFINE_float(
    "alpha", 0.0, "Weight of activation regularization.", lower_bound=0.0
)
flags.DEFINE_float("beta", 0.0, "Weight of its temporal kin.", lower_bound=0.0)
flags.DEFINE_integer(
    "batch_size", 64, "Rows of the token stream.", lower_bound=1
)
flags.DEFINE_integer("bptt", 70, "Window length in tokens.", lower_bound=1)
flags.DEFINE_integer(
    "num_sampled",
    2048,
    "Words in the sampled softmax; 0 for the exact one.",
    lower_bound=0,
)
flags.DEFINE_float("learning_rate", 1e-2, "Highest learning rate of Adam.")
flags.DEFINE_float("clip_norm", 0.3, "Largest norm of the gradient.")
for name in ("learning_rate", "clip_norm", "passes"):
    flags.register_validator(
        name, lambda value: 0 < value < math.inf, "above 0 and finite"
    )
flags.register_validator(
    "max_minutes",
    lambda value: value is None or 0 <= value < math.inf,
    "0 or more, and finite; left out for no limit",
)
flags.DEFINE_bool("backwards", False, "Train on reversed documents.")
flags.DEFINE_integer(
    "steps_per_validation",
    1000,
    "Most batches between two validations.",
    lower_bound=1,
)
flags.DEFINE_integer(
    "steps_per_checkpoint",
    100,
    "Most batches in an epoch, at whose end a run can be broken off.",
    lower_bound=1,
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


def load_language_model(corpus):
    """The model of --preset, which must fit the corpus and the options."""
    given = [f"--{name}" for name in SIZES if FLAGS[name].present]
    if given:
        raise ValueError(
            "A preset has its sizes: give --preset or sizes. "
            f"Received: --preset and {' '.join(given)}"
        )
    (language_model,) = pretrained.load_language_models(FLAGS.preset)
    backwards = language_model.backbone.backwards
    if backwards != FLAGS.backwards:
        raise ValueError(
            "--backwards must be given if the model of --preset reads "
            f"backwards, and only then. Received: {FLAGS.preset}, which reads "
            f"{'backwards' if backwards else 'forwards'}"
        )
    vocabulary = language_model.preprocessor.tokenizer.vocabulary
    if vocabulary.fingerprint != corpus.vocabulary.fingerprint:
        raise ValueError(
            "The corpus must have the words of --preset: prepare it with "
            f"--vocabulary={FLAGS.preset}. Received: the fingerprints "
            f"{corpus.vocabulary.fingerprint} and {vocabulary.fingerprint}"
        )
    return language_model


def write_sample(language_model, path, epoch, logs):
    """Append a text by the model to a file after a validation.

    Not if it has diverged.
    """
    perplexity = logs.get("val_perplexity", math.nan)
    if not math.isfinite(perplexity):
        return
    # By the epoch: however often training was broken off, the text is the same.
    seed = [FLAGS.seed + epoch, 0]
    language_model.sampler.seed_generator.state.assign(seed)
    (sample,) = language_model.generate([FLAGS.prompt], max_length=50)
    with open(path, "a", encoding="utf-8") as file:
        file.write(f"perplexity {perplexity:.1f}: {sample}\n")


def main(_):
    output_dir = common.start(writes=True)
    import keras
    import keras_hub

    from recipes import training
    from ulmfit_keras import callbacks
    from ulmfit_keras import data
    from ulmfit_keras import models
    from ulmfit_keras import optimizers
    from ulmfit_keras import schedules
    from ulmfit_keras.data.corpus import pieces

    started = time.monotonic()
    record_path = output_dir / "pretraining.json"
    record = pieces.read_json(record_path) or {}
    with common.user_errors():
        corpus, valid = (
            data.TokenShards(FLAGS.corpus, split, FLAGS.backwards)
            for split in ("train", "valid")
        )
        options = decisive_options(corpus, valid)
        check_run(output_dir, record, options)
        check_size(corpus)
        if "result" in record and (output_dir / "preset").is_dir():
            print(f"{output_dir} holds the finished model")
            print(json.dumps(record["result"]))
            return
        make = load_language_model if FLAGS.preset else new_language_model
        language_model = make(corpus)
        language_model.backbone.set_dropout(
            "fastai_language_model", multiplier=FLAGS.dropout_multiplier
        )
        stream = data.TokenStream(corpus, FLAGS.batch_size, FLAGS.bptt)
        validation = data.TokenStream(valid, FLAGS.batch_size, FLAGS.bptt)
    pieces.write_json(record_path, {"options": options})
    language_model.compile(
        sampler=keras_hub.samplers.TopPSampler(p=0.8, seed=FLAGS.seed)
    )
    epochs = cut_into_epochs(
        math.ceil(FLAGS.passes * stream.steps),
        FLAGS.steps_per_validation,
        FLAGS.steps_per_checkpoint,
    )
    stream.steps_per_epoch = epochs.steps
    print(
        f"{len(corpus):,} training and {len(valid):,} validation tokens, "
        f"{len(corpus.vocabulary):,} words, "
        f"{language_model.count_params():,} parameters, "
        f"{epochs.count:,} epochs of {epochs.steps:,} batches, "
        f"{epochs.count // epochs.per_validation:,} validations"
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
                FLAGS.learning_rate, epochs.count * epochs.steps
            ),
            beta_1=0.8,
            beta_2=0.99,
            global_clipnorm=FLAGS.clip_norm,
        )
    )

    def result(finished, perplexity):
        steps_taken = int(trainer.optimizer.iterations)
        return {
            "finished": finished,
            "perplexity": perplexity,
            "tokens_seen": steps_taken * FLAGS.batch_size * FLAGS.bptt,
            "parameters": language_model.count_params(),
            "seconds": round(time.monotonic() - started, 1),
            "backend": keras.backend.backend(),
        }

    def finish(epoch, logs):
        if epoch + 1 < epochs.count or trainer.stop_training:
            return
        perplexity = float(logs["val_perplexity"])
        if not math.isfinite(perplexity):
            return  # it has diverged
        path = output_dir / "preset"
        outputs.save_preset(language_model, path, half_precision=True)
        record = {"options": options, "result": result(True, perplexity)}
        pieces.write_json(record_path, record)

    resumable = callbacks.ResumableTraining(
        output_dir / "unfinished", data=stream, max_minutes=FLAGS.max_minutes
    )
    columns = ["loss", "perplexity", "val_loss", "val_perplexity"]
    if trainer.num_sampled:
        columns.remove("perplexity")  # which only the exact softmax has
    history = trainer.fit(
        stream,
        epochs=epochs.count,
        validation_data=validation,
        validation_freq=epochs.per_validation,
        callbacks=[
            *training.logs(output_dir, "language model", columns),
            keras.callbacks.LambdaCallback(
                on_epoch_end=lambda epoch, logs: write_sample(
                    language_model, output_dir / "samples.txt", epoch, logs
                )
            ),
            keras.callbacks.TerminateOnNaN(),
            # Before the checkpoints go, which a failure still needs.
            keras.callbacks.LambdaCallback(on_epoch_end=finish),
            resumable,
        ],
    )
    record = pieces.read_json(record_path)
    if resumable.finished and "result" not in record:
        sys.exit(
            "\nTraining diverged: the loss is no finite number any more. Train "
            "with a lower --learning_rate, or in float32. "
            f"Received: --learning_rate={FLAGS.learning_rate}"
        )
    # None before the first validation.
    perplexity = history.history.get("val_perplexity", [None])[-1]
    print(json.dumps(record.get("result") or result(False, perplexity)))


if __name__ == "__main__":
    common.run(main)
