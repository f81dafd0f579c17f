"""Classes of texts without one label, from the words that would come next."""

import keras
import numpy as np
from keras import ops

from ulmfit_keras import text
from ulmfit_keras.models.piecewise_prediction import PieceReader
from ulmfit_keras.models.piecewise_prediction import predict_documents
from ulmfit_keras.stages.checks import check_texts
from ulmfit_keras.stages.checks import listed


def zero_shot_scores(
    language_model,
    texts,
    words,
    prompt,
    window=64,
    batch_size=64,
    max_tokens=4000,
    verbose=0,
):
    """What a language model would call texts, by the words it expects next.

    Long texts are read in windows, each half over the one before, since such
    a model remembers the last sentences best. A prompt such as "This is a" is
    put after each. A class' score is the mean of log p(word | window, prompt)
    over its words and the windows, less its mean over all texts, so that no
    class gains by having frequent words. Scores of several prompts, or of both
    directions, may be added up. Argmax takes the classes for about equally
    frequent; where they are not, see `match_shares`.

    The language model should be fine-tuned on texts of this kind first. Labels
    made so are wrong often, but a classifier that `train_classifier` trains on
    many of them is wrong less often than they are.

    Source: patterns and verbalizers of Schick & Schütze 2021,
    arXiv:2001.07676; scores centred after Zhao et al. 2021, arXiv:2102.09690.

    Args:
        language_model: an `AWDLSTMCausalLM` with its preprocessor.
        texts: list of N str; some dozens at least, for the mean over them.
        words: dict from C classes to lists of str, words that tell a class.
        prompt: str, what stands between a text and the word; for a language
            model that reads backwards, between the word and the text, such as
            "film." for "Great film. …".
        window: int, tokens of a text to a window; None for whole texts.
            Defaults to 64.
        batch_size: int, most windows to be read at a time. Defaults to 64.
        max_tokens: int, texts are cut off after so many tokens. Defaults to
            4000.
        verbose: 0 for silence, else a progress bar. Defaults to 0.

    Returns:
        float32 array (N, C), columns in the order of `words`.

    Raises:
        DataError: if no text has a word.
        ValueError: if `texts` is one text, there are no two classes, one has
            no words, the language model does not know a word as one token, or
            `window` is below 2.

    Example:

    ```python
    words = {"bad": ["bad", "boring", "worst"], "good": ["good", "best"]}
    scores = zero_shot_scores(language_model, texts, words, "This is a")
    labels = np.array(list(words))[scores.argmax(axis=1)]
    ```
    """
    if window is not None and window < 2:
        raise ValueError(
            "`window` must be at least 2 tokens, or None for whole texts. "
            f"Received: window={window}"
        )
    texts = listed("texts", texts)
    check_texts(language_model, texts, "score", "leave empty ones out")
    tokenizer = language_model.preprocessor.tokenizer
    reader = NextWordReader(language_model, _word_ids(tokenizer, words))
    prompt_ids = _ids(tokenizer, prompt)
    limit = max(max_tokens - len(prompt_ids), 1)
    documents, firsts = [], []
    for ids in text.encode_texts(tokenizer, texts, limit):
        firsts.append(len(documents))
        for part in _windows(ids[1:], window):
            # `predict_documents` turns what follows `xxbos` round, for a
            # model that reads backwards.
            pieces = [part, prompt_ids]
            if language_model.backbone.backwards:
                pieces.reverse()
            documents.append(np.concatenate([ids[:1], *pieces]))
    scores = predict_documents(reader, documents, batch_size, verbose)
    counts = np.diff([*firsts, len(documents)])
    scores = np.add.reduceat(scores, firsts) / counts[:, None]
    scores -= scores.mean(axis=0)
    return scores.astype("float32")


def _windows(ids, window):
    """Parts of so many ids, each half over the one before, or all ids."""
    if window is None or len(ids) <= window:
        return [ids]
    hop = window // 2
    return [ids[i : i + window] for i in range(0, len(ids) - hop, hop)]


class NextWordReader:
    """What `predict_documents` needs to read documents for their next word.

    Args:
        language_model: an `AWDLSTMCausalLM`.
        word_ids: a list of C lists of int.
    """

    def __init__(self, language_model, word_ids):
        self.backbone = language_model.backbone
        self.weights = language_model.weights
        self.num_classes = len(word_ids)
        self.head = [ClassWords(language_model, word_ids)]
        self.output_activation = keras.layers.Activation(
            "linear", dtype="float32"
        )
        self.piece_reader = PieceReader(self)


class ClassWords(keras.layers.Layer):
    """Mean log probability of each class' words as the next one.

    Args:
        language_model: an `AWDLSTMCausalLM`.
        word_ids: a list of C lists of int.

    Input shape:
        (B, 3 · E), pooled as by `ConcatPooling`: the last output comes first.

    Output shape:
        float32 (B, C).
    """

    def __init__(self, language_model, word_ids, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.token_embedding = language_model.backbone.token_embedding
        self.decoder_bias = language_model.decoder_bias
        self.word_ids = [np.array(ids, "int32") for ids in word_ids]
        self.built = True

    def call(self, pooled):
        last = pooled[:, : self.token_embedding.output_dim]
        logits = self.decoder_bias(self.token_embedding(last, reverse=True))
        log_p = ops.log_softmax(ops.cast(logits, "float32"), axis=-1)
        means = [
            ops.mean(ops.take(log_p, ids, axis=1), axis=1)
            for ids in self.word_ids
        ]
        return ops.stack(means, axis=1)


def _ids(tokenizer, content):
    """The ids of a text's tokens, an int32 array, without `xxbos`."""
    return text.encode_texts(tokenizer, [content])[0][1:]


def _word_ids(tokenizer, words):
    """The ids of each class' words, a list of lists of int."""
    if not isinstance(words, dict) or any(
        isinstance(group, (str, bytes)) for group in words.values()
    ):
        raise ValueError(
            "`words` must be a dict from classes to lists of words, as in "
            "{'neg': ['bad'], 'pos': ['good', 'great']}. "
            f"Received: words={words}"
        )
    if len(words) < 2 or not all(words.values()):
        raise ValueError(
            "`words` must have two classes or more and a word for each. "
            f"Received: words={words}"
        )
    found = {
        word: _ids(tokenizer, word)
        for group in words.values()
        for word in group
    }
    wrong = [
        word
        for word, ids in found.items()
        if len(ids) != 1 or ids[0] == tokenizer.unk_token_id
    ]
    if wrong:
        raise ValueError(
            "Each of the `words` must be one token that the language model "
            "knows, in lower case: leave others out, or fine-tune the language "
            f"model on texts that hold them. Received: {wrong}"
        )
    return [[found[word][0] for word in group] for group in words.values()]
