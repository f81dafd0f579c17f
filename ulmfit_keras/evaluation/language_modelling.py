"""How well a language model predicts text, whatever its vocabulary is."""

import collections
import math

import numpy as np

from ulmfit_keras.text.checks import check_listed


def language_model_metrics(
    language_model, texts, batch_size=64, bptt=70, chunk_size="auto"
):
    """Perplexity, and bits per character, which compare across vocabularies.

    Bits per character are those of a code that could be decoded: the tokens
    cost what the model says, and each unknown word is spelled besides, see
    `spelling_bits`. A vocabulary gains nothing so by leaving words out. White
    space is not coded; a run of it counts as one character, none at the ends.

    Args:
        language_model: an `AWDLSTMCausalLM` with its preprocessor.
        texts: list of str, documents, or passages in their order.
        batch_size: rows that the text is cut into; each begins without
            context. Lowered for short texts. Defaults to 64.
        bptt: tokens read at a time. Defaults to 70; changes no result.
        chunk_size: tokens in a chunk of the softmax; changes no result.
            Defaults to "auto", see `StreamLanguageModel`.

    Returns:
        A dict: `documents`, `characters` (of the texts and an end each),
        `words` (between white space), `tokens` (those predicted, marks such
        as `xxmaj` included), `unknown_share` of the tokens, `perplexity` (of
        a token), `word_perplexity` (e to the nats of all tokens over the
        number of words; unknown words count as `xxunk`),
        `spelled_word_perplexity` (the same, unknown words spelled; both
        infinite where a text without white space is one endless word) and
        `bits_per_character`.

    Raises:
        ValueError: if `texts` is one text itself, or they hold no token.

    Example:

    ```python
    language_model_metrics(language_model, texts)["bits_per_character"]
    ```
    """
    from ulmfit_keras import data
    from ulmfit_keras import models

    check_listed("texts", texts)
    texts = list(texts)
    tokenizer = language_model.preprocessor.tokenizer
    ids = language_model.token_ids(texts)
    # One array, which `TokenStream` reads in order: passages of a document
    # may be texts of their own.
    stream_ids = np.concatenate(ids)
    rows = min(batch_size, max(1, len(stream_ids) // bptt))
    stream = data.TokenStream(stream_ids, rows, bptt)
    trainer = models.StreamLanguageModel(
        language_model, rows, chunk_size=chunk_size
    )
    trainer.compile()
    perplexity = trainer.evaluate(stream, verbose=0, return_dict=True)[
        "perplexity"
    ]
    nats = math.log(perplexity) * stream.num_targets
    unknown = [
        token
        for content, document in zip(texts, ids, strict=True)
        for token in _unknown_tokens(tokenizer, content, document)
    ]
    words = [content.split() for content in texts]
    # A space or the end of the text after each word, an end if there is none.
    characters = sum(
        sum(map(len, content)) + max(len(content), 1) for content in words
    )
    num_words = sum(map(len, words))
    letters = set()
    for content in words:
        letters.update(*content)
    spelled_nats = nats + math.log(2) * spelling_bits(unknown, len(letters))
    return {
        "documents": len(texts),
        "characters": characters,
        "words": num_words,
        "tokens": stream.num_targets,
        "unknown_share": len(unknown) / stream.num_targets,
        "perplexity": perplexity,
        "word_perplexity": perplexity_of(nats, num_words),
        "spelled_word_perplexity": perplexity_of(spelled_nats, num_words),
        "bits_per_character": spelled_nats / math.log(2) / characters,
    }


def perplexity_of(nats, words):
    """e to the nats of a word; inf where that is too much for a float.

    Without white space a text is one word, however long it is.
    """
    try:
        return math.exp(nats / max(words, 1))
    except OverflowError:
        return math.inf


def spelling_bits(words, num_letters):
    """Bits to spell words by a code that learns how frequent letters are.

    Each letter, and the end of each word as one more, costs -log2 of
    (n + 1) / (N + A + 1): n is how often it was coded before, N how many
    symbols were, and A how many letters there are (Laplace's rule of
    succession). The order does not change the sum.

    Args:
        words: list of str.
        num_letters: int A, at least the number of different letters in
            them.

    Returns:
        float, 0 for no words.

    Example:

    >>> round(spelling_bits(["a"], num_letters=1), 3)  # 1/2 and 1/3
    2.585
    """
    counts = collections.Counter({"": len(words)})  # the ends
    for word in words:
        counts.update(word)
    kinds = num_letters + 1
    nats = math.lgamma(counts.total() + kinds) - math.lgamma(kinds)
    nats -= sum(math.lgamma(count + 1) for count in counts.values())
    return nats / math.log(2)


def _unknown_tokens(tokenizer, content, document):
    unknown = tokenizer.unk_token_id
    if unknown not in document:
        return []
    return [
        token
        for token in tokenizer.split(content)
        # The mark itself hides a word that nobody knows.
        if tokenizer.token_to_id(token) == unknown
        and token != tokenizer.unk_token
    ]
