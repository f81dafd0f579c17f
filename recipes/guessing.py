"""Labels guessed by words, to train a classifier on before the true ones."""

import collections
import csv

from absl import flags

from recipes import common
from recipes import training

FLAGS = flags.FLAGS

# Chosen on training reviews of IMDb: guesses are many and often wrong, which
# a second epoch would only learn by heart.
EPOCHS = 1
LEARNING_RATE = 0.02

# Few labels by themselves can undo what guesses taught.
LABEL_REPEATS = 2
GUESSES_PER_LABEL = 3


def define_flags():
    """Options of recipes that guess labels."""
    flags.DEFINE_multi_string(
        "class_words",
        None,
        "LABEL=word,word,… once for each label: guess labels of unlabelled "
        "texts by the words that the language model expects after --prompt, "
        "and train the classifier on them first. For few labels.",
    )
    flags.DEFINE_string(
        "prompt",
        None,
        "What stands between a text and a class' word, such as 'This is a'.",
    )
    flags.DEFINE_string(
        "backward_prompt",
        None,
        "For --backward_preset: what stands between a class' word and a text, "
        "such as 'film.'.",
    )
    flags.DEFINE_integer(
        "guessed_rows",
        20_000,
        "Guess labels of so many texts at most, drawn by the seed.",
        lower_bound=1,
    )


def prompts():
    """The prompt of each direction that is used, a list."""
    both = FLAGS.backward_preset is not None
    return [FLAGS.prompt, FLAGS.backward_prompt][: 1 + both]


def class_words():
    """The words by label, a dict from str to list of str."""
    words = {}
    for option in FLAGS.class_words:
        label, equals, listed = option.rpartition("=")
        if not equals or not label or not listed or label in words:
            raise ValueError(
                "--class_words takes a label and its words, once for each "
                "label, as in --class_words=pos=good,great. "
                f"Received: --class_words={option}"
            )
        words[label] = [word.strip() for word in listed.split(",")]
    return words


@common.user_errors()
def check_options(tables, language_models):
    """Find what guessing cannot work with, before any training."""
    from ulmfit_keras import data
    from ulmfit_keras import text

    given = [
        f"--{name}"
        for name in ("prompt", "backward_prompt", "guessed_rows")
        if FLAGS[name].present
    ]
    if not FLAGS.class_words:
        if given:
            raise ValueError(
                "Labels are guessed by --class_words only: give them, or leave "
                f"{', '.join(given)} out. Received: no --class_words"
            )
        return
    if FLAGS.problem_type != "single_label":
        raise ValueError(
            "--class_words name one class for each text: leave them out, or "
            "take --problem_type=single_label. "
            f"Received: --problem_type={FLAGS.problem_type}"
        )
    if None in prompts():
        raise ValueError(
            "--class_words need --prompt, and with --backward_preset "
            "--backward_prompt as well. Received: "
            f"--prompt={FLAGS.prompt} and "
            f"--backward_prompt={FLAGS.backward_prompt}"
        )
    if FLAGS.backward_prompt is not None and FLAGS.backward_preset is None:
        raise ValueError(
            "--backward_prompt is for a model that reads backwards: give "
            "--backward_preset, or leave it out. "
            "Received: no --backward_preset"
        )
    names = data.label_names(tables["train"], FLAGS.problem_type)
    words = class_words()
    if set(words) != set(names):
        raise ValueError(
            "--class_words must be there once for each label of the training "
            f"table: {', '.join(names)}. Received: {', '.join(words)}"
        )
    if not tables.get("unlabeled"):
        raise ValueError(
            "Labels are guessed for texts without labels: give a table of them "
            "in --unlabeled. Received: no unlabelled texts"
        )
    check_rows(tables, words)
    # Stage 2 may come to know a word, but not make one of two.
    tokenizer = language_models[0].preprocessor.tokenizer
    listed = [word for group in words.values() for word in group]
    ids = text.encode_texts(tokenizer, listed)
    wrong = [x for x, row in zip(listed, ids, strict=True) if len(row) != 2]
    if wrong:
        raise ValueError(
            "Each of --class_words must be one token: 'bad' is, 'not good' and "
            f"'Bad' are two. Received: {wrong}"
        )


def check_rows(tables, words):
    """Raise a ValueError if a class would get no guess.

    Args:
        tables: see `inputs.read_tables`.
        words: see `class_words`.
    """
    import numpy as np

    texts = sum(bool(text.strip()) for text in tables["unlabeled"].texts)
    guesses = min(texts, FLAGS.guessed_rows)
    counts = collections.Counter(map(str, tables["train"].labels))
    shares = np.cumsum([counts[label] for label in words])
    # As `match_shares` rounds.
    ends = np.rint(shares / shares[-1] * guesses)
    given = np.diff(ends, prepend=0)
    none = [x for x, n in zip(words, given, strict=True) if not n]
    if none:
        raise ValueError(
            "Each class must get a guess by its share of the labels: give more "
            "texts in --unlabeled, or raise --guessed_rows. Received: "
            f"{texts:,} texts that are not empty and "
            f"--guessed_rows={FLAGS.guessed_rows}, which leaves none for "
            f"{', '.join(none)}"
        )


@common.user_errors()
def guess(language_models, tables, output_dir):
    """Guess labels, by the scores of all language models added up.

    Each label is guessed as often as the labelled rows have it, in proportion.
    Guesses are written to OUTPUT_DIR/guesses.csv, with a column of scores for
    each class.

    Returns:
        (texts, labels), two lists.
    """
    import numpy as np

    import ulmfit_keras

    texts = [text for text in tables["unlabeled"].texts if text.strip()]
    random = np.random.default_rng(FLAGS.seed)
    rows = random.permutation(len(texts))[: FLAGS.guessed_rows]
    texts = [texts[row] for row in sorted(rows)]
    print(f"\nGuessing the labels of {len(texts):,} texts")
    words = class_words()
    scores = sum(
        ulmfit_keras.zero_shot_scores(
            language_model,
            texts,
            words,
            prompt,
            batch_size=256,
            max_tokens=FLAGS.max_tokens,
            verbose=1,
        )
        for language_model, prompt in zip(
            language_models, prompts(), strict=True
        )
    )
    counts = collections.Counter(map(str, tables["train"].labels))
    scores = ulmfit_keras.match_shares(scores, [counts[x] for x in words])
    labels = [list(words)[column] for column in scores.argmax(axis=1)]
    path = output_dir / "guesses.csv"
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label", *words])
        for text, label, row in zip(texts, labels, scores, strict=True):
            writer.writerow([text, label, *(f"{score:.4f}" for score in row)])
    counts = ", ".join(f"{labels.count(label):,} {label}" for label in words)
    print(f"Guessed {counts}: look at some of them in {path}")
    return texts, labels


def train_classifier(language_model, guesses, output_dir):
    """A classifier of guessed labels.

    Args:
        language_model: an `AWDLSTMCausalLM`.
        guesses: as returned by `guess`.
        output_dir: `pathlib.Path`.

    Returns:
        (classifier, history), of which the last is a Keras `History`.
    """
    return training.fit_classifier(
        "classifier of guesses",
        language_model,
        *guesses,
        output_dir,
        epochs=EPOCHS,
        learning_rate=LEARNING_RATE,
        unfreezing="all",
    )


def among_guesses(texts, labels, guesses):
    """Labelled texts, each more than once, among guessed ones.

    Args:
        texts: list of N str.
        labels: their N labels.
        guesses: as returned by `guess`; some are drawn by the seed.

    Returns:
        (texts, labels), two lists.
    """
    import numpy as np

    random = np.random.default_rng(FLAGS.seed)
    rows = random.permutation(len(guesses[0]))[: GUESSES_PER_LABEL * len(texts)]
    return tuple(
        [*labelled * LABEL_REPEATS, *(guessed[row] for row in rows)]
        for labelled, guessed in zip((texts, labels), guesses, strict=True)
    )
