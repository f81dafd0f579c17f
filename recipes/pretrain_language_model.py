"""Stage 1: pretrain an AWD-LSTM language model on general text.

Command (the shipped preset `awd_lstm_small_en`):
    python -m recipes.pretrain_language_model \
        --train='DATA/wiki/train-0[0-3].txt.xz' \
        --valid=DATA/wiki/valid.txt.xz --minutes=60 --output_dir=pretrained
Hardware, minutes, result: see docs/RESULTS.md.

Corpus files are plain or compressed text in which a blank line ends a
document. The model is written to OUTPUT_DIR/preset, with its log beside it.
"""

import glob
import json
import time

from absl import app
from absl import flags

from recipes import common

FLAGS = flags.FLAGS
flags.adopt_module_key_flags(common)
flags.DEFINE_list("train", None, "Corpus files or patterns.", required=True)
flags.DEFINE_list("valid", None, "Validation files.", required=True)
flags.DEFINE_float("minutes", 60.0, "How long to train.")
flags.DEFINE_integer("vocabulary_size", 20_000, "Most words to keep.")
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
flags.DEFINE_float("learning_rate", 3e-3, "Highest learning rate of Adam.")
flags.DEFINE_float("clip_norm", 0.3, "Largest norm of the gradient.")
flags.DEFINE_bool("backwards", False, "Train on reversed documents.")
flags.DEFINE_integer(
    "steps_per_validation", 1000, "Batches between two validations."
)
flags.DEFINE_integer("processes", 1, "Processes that tokenize files.")


def main(_):
    output_dir = common.start()
    import keras
    import numpy as np

    from ulmfit_keras import callbacks
    from ulmfit_keras import data
    from ulmfit_keras import models
    from ulmfit_keras import text

    paths = sorted(p for name in FLAGS.train for p in glob.glob(name))
    vocabulary_path = output_dir / "vocabulary.txt"
    if not vocabulary_path.exists():
        counts = data.count_words(paths, FLAGS.processes)
        text.Vocabulary.build(counts, max_size=FLAGS.vocabulary_size).save(
            vocabulary_path
        )
    vocabulary = text.Vocabulary.load(vocabulary_path)
    train, valid = (
        data.encode_corpus(
            files, vocabulary, output_dir / f"{name}.npy", FLAGS.processes
        )
        for name, files in (("train", paths), ("valid", FLAGS.valid))
    )
    if FLAGS.backwards:
        beginning = vocabulary.index(text.BEGINNING)
        train = data.reverse_documents(train, beginning)
        valid = data.reverse_documents(valid, beginning)
    print(
        f"{len(train):,} training and {len(valid):,} validation tokens, "
        f"{len(vocabulary):,} words"
    )

    backbone = models.AWDLSTMBackbone(
        vocabulary_size=len(vocabulary),
        embedding_dim=FLAGS.embedding_dim,
        hidden_dim=FLAGS.hidden_dim,
        num_layers=FLAGS.num_layers,
        backwards=FLAGS.backwards,
    )
    backbone.set_dropout(
        "fastai_language_model", multiplier=FLAGS.dropout_multiplier
    )
    language_model = models.AWDLSTMCausalLM(
        backbone,
        models.AWDLSTMCausalLMPreprocessor(
            text.WordTokenizer(list(vocabulary.tokens))
        ),
    )
    trainer = models.StreamLanguageModel(
        language_model,
        batch_size=FLAGS.batch_size,
        alpha=FLAGS.alpha,
        beta=FLAGS.beta,
        num_sampled=FLAGS.num_sampled or None,
    )
    trainer.compile(
        keras.optimizers.Adam(
            FLAGS.learning_rate,
            beta_1=0.8,
            beta_2=0.99,
            global_clipnorm=FLAGS.clip_norm,
        )
    )
    started = time.monotonic()
    history = trainer.fit(
        data.TokenStream(train, FLAGS.batch_size, FLAGS.bptt),
        steps_per_epoch=FLAGS.steps_per_validation,
        epochs=10**6,
        validation_data=data.TokenStream(valid, FLAGS.batch_size, FLAGS.bptt),
        callbacks=[
            callbacks.TrainingTime(FLAGS.minutes, FLAGS.learning_rate),
            keras.callbacks.CSVLogger(output_dir / "log.csv"),
            keras.callbacks.TensorBoard(output_dir / "tensorboard"),
            keras.callbacks.ModelCheckpoint(
                output_dir / "checkpoint.weights.h5", save_weights_only=True
            ),
            keras.callbacks.TerminateOnNaN(),
        ],
    )
    language_model.save_to_preset(output_dir / "preset")
    models.store_as_float16(output_dir / "preset")
    steps = int(trainer.optimizer.iterations)
    print(
        json.dumps(
            {
                "perplexity": history.history["val_perplexity"][-1],
                "nats_per_token": float(
                    np.log(history.history["val_perplexity"][-1])
                ),
                "tokens_seen": steps * FLAGS.batch_size * FLAGS.bptt,
                "parameters": language_model.count_params(),
                "seconds": round(time.monotonic() - started, 1),
                "backend": keras.backend.backend(),
            }
        )
    )


if __name__ == "__main__":
    app.run(main)
