"""Perplexity of the words of WikiText, as papers give it."""

import math
import re

from ulmfit_keras.evaluation.language_modelling import language_model_metrics
from ulmfit_keras.evaluation.language_modelling import perplexity_of

_TITLE = re.compile(r"^ = [^=].* = $")
# "guest @-@ starring", "1 @,@ 000", "3 @.@ 5": marks inside of a word.
_INNER_MARK = re.compile(r" @([-,.])@ ")


def wikitext_metrics(language_model, content, **kwargs):
    """How well a language model of any vocabulary predicts WikiText.

    Papers divide by the words of WikiText and an `<eos>` for each line
    (Merity et al. 2016). So do we, whatever tokens the model reads: all
    tokens cost what the model says, and what is left of a line's end is
    nothing. A word that WikiText knows and the model does not costs what
    `xxunk` costs, which favours small vocabularies, or its letters besides,
    as in `language_model_metrics`. WikiText's own `<unk>` is `xxunk`, never
    spelled. The white space around the marks of "1 @,@ 000" is removed.

    Args:
        language_model: an `AWDLSTMCausalLM` with its preprocessor.
        content: str, a file of WikiText-2 or WikiText-103, tokenised.
        **kwargs: see `language_model_metrics`.

    Returns:
        A dict: `words` (WikiText's, `<eos>` included), `characters` (see
        `language_model_metrics`; the marks removed), `tokens` (the
        model's), `unknown_share` of these (what the model does not know and
        WikiText does), the perplexities of a word `word_perplexity` (unknown
        words count as `xxunk`) and `spelled_word_perplexity`, and
        `bits_per_character`.

    Raises:
        ValueError: if the content is not WikiText.

    Example:

    ```python
    content = lzma.open("wikitext-2/test.txt.xz", "rt").read()
    wikitext_metrics(language_model, content)["spelled_word_perplexity"]
    ```
    """
    lines = content.removesuffix("\n").split("\n")
    metrics = language_model_metrics(language_model, _articles(lines), **kwargs)
    words = sum(len(line.split()) + 1 for line in lines)
    nats = metrics["tokens"] * math.log(metrics["perplexity"])
    bits = metrics["characters"] * metrics["bits_per_character"]
    spelled_nats = math.log(2) * bits
    return {
        "words": words,
        "characters": metrics["characters"],
        "tokens": metrics["tokens"],
        "unknown_share": metrics["unknown_share"],
        "word_perplexity": perplexity_of(nats, words),
        "spelled_word_perplexity": perplexity_of(spelled_nats, words),
        "bits_per_character": metrics["bits_per_character"],
    }


def _articles(lines):
    """Texts of articles, a title being the first line of each."""
    starts = [i for i, line in enumerate(lines) if _TITLE.match(line)]
    if not starts:
        raise ValueError(
            "WikiText must have titles, lines such as ' = Title = '. "
            f"Received: lines such as {lines[:3]}"
        )
    ends = [*starts[1:], len(lines)]
    texts = [
        "\n".join(lines[start:end])
        for start, end in zip(starts, ends, strict=True)
    ]
    return [
        _INNER_MARK.sub(r"\1", text).replace("<unk>", "xxunk") for text in texts
    ]
