"""Learn the pieces that words are made of."""

import io

from ulmfit_keras.text.checks import check_listed
from ulmfit_keras.text.word_splitting import SPECIAL_TOKENS
from ulmfit_keras.text.word_splitting import split_words

_WORDS_PER_LINE = 64
_MAX_LINE_BYTES = 1 << 16
_TOO_FEW = ("sentences_.empty()", "Vocabulary size", "vocab_size")


def _lines(texts):
    for text in texts:
        words = [
            word
            for word in split_words(text, join_ideographs=True)
            if word not in SPECIAL_TOKENS
        ]
        for start in range(0, len(words), _WORDS_PER_LINE):
            yield " ".join(words[start : start + _WORDS_PER_LINE])


def train_sentencepiece(
    texts,
    vocabulary_size=15_000,
    character_coverage=0.99999,
    max_lines=1_000_000,
):
    """Learn a unigram SentencePiece model (Kudo and Richardson 2018).

    Args:
        texts: iterable of str or bytes.
        vocabulary_size: number of pieces, special tokens included; fewer
            where the texts do not give that many. Defaults to 15,000, as in
            MultiFiT.
        character_coverage: share of the characters that get a piece.
            Defaults to 0.99999; fastai takes 0.9998 for languages with many
            characters, such as Chinese.
        max_lines: learn from this many lines of 64 words, a random sample.

    Returns:
        The model as bytes, for `SentencePieceTokenizer`: the special tokens,
        which no text can spell, have the first ids.

    Raises:
        ImportError: without the `sentencepiece` package.
        ValueError: if `texts` is one text itself, or nothing can be learned:
            there is no text, or the vocabulary is too small for its
            characters.

    Example:

    ```python
    tokenizer = SentencePieceTokenizer(train_sentencepiece(texts))
    ```
    """
    # Here, for what `_lines` raises comes out as a RuntimeError.
    check_listed("texts", texts)
    try:
        import sentencepiece
    except ImportError as error:
        raise ImportError(
            "Learning pieces needs the sentencepiece package: "
            "`pip install sentencepiece`."
        ) from error
    unknown, padding, beginning, *others = SPECIAL_TOKENS
    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=_lines(texts),
            model_writer=model,
            model_type="unigram",
            vocab_size=vocabulary_size,
            hard_vocab_limit=False,
            character_coverage=character_coverage,
            max_sentence_length=_MAX_LINE_BYTES,
            input_sentence_size=max_lines,
            shuffle_input_sentence=True,
            unk_id=0,
            pad_id=1,
            bos_id=2,
            eos_id=-1,
            unk_piece=unknown,
            pad_piece=padding,
            bos_piece=beginning,
            control_symbols=others,
            minloglevel=2,
        )
    except RuntimeError as error:
        # What reading the texts raises comes out as this, too.
        if not any(name in str(error) for name in _TOO_FEW):
            raise
        raise ValueError(
            "`texts` must hold text, and `vocabulary_size` be larger than the "
            "number of their characters and the special tokens. Received: "
            f"vocabulary_size={vocabulary_size} ({error})"
        ) from error
    return model.getvalue()
