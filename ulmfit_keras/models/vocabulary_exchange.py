"""Give a language model the words of a new corpus, in place."""

from ulmfit_keras.models.quantization import check_not_quantized
from ulmfit_keras.text.vocabulary import Vocabulary
from ulmfit_keras.text.vocabulary import transfer_vocabulary
from ulmfit_keras.text.word_splitting import SPECIAL_TOKENS
from ulmfit_keras.text.word_tokenizer import WordTokenizer


def exchanged_vocabulary(old, counts, min_count=2):
    """The words of a new corpus, filled up with those of an old vocabulary.

    Args:
        old: the `Vocabulary` of a trained model.
        counts: mapping from the new corpus' words to their counts.
        min_count: leave out new words seen less often than this.

    Returns:
        A `Vocabulary` of the size of the old one: the special tokens, the
        corpus' words by falling count, then, where there is room, the other
        old words in their order.
    """
    corpus = Vocabulary.build(counts, min_count, max_size=len(old))
    others = [token for token in old.tokens if token not in corpus]
    return Vocabulary([*corpus.tokens, *others[: len(old) - len(corpus)]])


def exchange_vocabulary(language_model, texts, min_count=2):
    """Exchange the words of a language model for those of a corpus.

    Words that both know keep their vector and bias; new ones start at the
    means (Howard and Ruder 2018, released code). The old words that the
    corpus does not use make room for new ones, the rarest first, so that all
    shapes stay as they are and the model is changed in place, but for its
    preprocessor and tokenizer, which other models may share: it gets new ones.
    Words that the old vocabulary holds count as of the corpus from one
    occurrence on.

    Args:
        language_model: an `AWDLSTMCausalLM` whose preprocessor has a
            `WordTokenizer`.
        texts: list of str.
        min_count: how often a new word must occur. Defaults to 2.

    Returns:
        The `VocabularyTransfer`, or None, and nothing is changed, if the
        model reads subwords: they spell any word already.

    Raises:
        ValueError: if the language model is quantized.

    Example:

    ```python
    print(exchange_vocabulary(language_model, texts))
    # 19,310 of 20,000 tokens keep their rows, 690 start at the mean row, …
    ```
    """
    tokenizer = language_model.preprocessor.tokenizer
    if not isinstance(tokenizer, WordTokenizer):
        return None
    check_not_quantized(language_model.backbone, "exchange its words")
    old = tokenizer.vocabulary
    counts = {
        word: count if word not in old else max(count, min_count)
        for word, count in Vocabulary.count(texts).items()
        if word not in SPECIAL_TOKENS
    }
    new = exchanged_vocabulary(old, counts, min_count)
    transfer = transfer_vocabulary(old, new)
    for variable in (
        language_model.output_embeddings,
        language_model.output_bias,
    ):
        variable.assign(transfer.apply(variable.numpy()))
    # Of its own: a model of the other direction may read with the old one.
    tokenizer = tokenizer.copy()
    tokenizer.set_vocabulary(list(new.tokens))
    language_model.preprocessor = language_model.preprocessor.reading_with(
        tokenizer
    )
    return transfer
