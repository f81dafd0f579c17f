"""Strings that break tokenizers, and a small SentencePiece model."""

import inspect
import random
import textwrap

import pytest

from ulmfit_keras.text.word_splitting import SPECIAL_TOKENS

_PARTS = [
    *SPECIAL_TOKENS,
    *("XXBOS", "Xxup", "XXrep "),
    *"aAbBU1_!.,;<>&'\"#-",
    *(
        "aa",
        "AA",
        "aaa",
        "AAA",
        "a a aaa",
        "aaa a a ",
        "don't",
        "DON'T",
        "''",
        "'''",
        "rock'n'roll",
    ),
    *("ha ", "ha ", "HA ", "Ha ", "! ! ! ", "iPhone ", "McDonald "),
    *(" ", "  ", "\n", "\t", "\r\n", "\x00", "\x07", "\x1f", "\x7f", "\x85"),
    *("1", "111", "2000", "3.14", "٣", "²", "½", "Ⅷ", "１２３"),
    *("\u2019", "\u2018", "\u201c", "\u2026", "\u2014", "\u2581"),
    *("é", "e\u0301", "É", "ß", "ẞ", "İ", "ı", "K", "ǅ", "ǆ", "ſ", "Σας"),
    *("日", "本", "日日日", "ひらがな", "カタカナー", "한국어", "กำ", "ខ្មែរ"),
    *("\U00020000", "\U000323af", "\u3007", "שָׁלוֹם", "مرحبا", "हिन्दी"),
    *("👍", "👍🏽", "👨‍👩‍👧", "🏳️‍🌈", "❤️", "1️⃣", "🇩🇪", "\U0001fae8"),
    *("\u200b", "\u200d", "\u200e", "\u202e", "\ufeff", "\xad", "\ufe0f"),
    *("\u0301", "\u0301" * 3, "\U000e0100", "\ufffd", "\ufffe", "\u0378"),
    *("&amp;", "amp;", "&lt;", "&quot;", "quot;", "&#39;", "#39;", "&nbsp;"),
    *("<br />", "<br>", "<BR/>", "&rsquo;", "&amp;lt;", "&", "xx", "bos"),
]
_BYTES = bytes([0, 0x1F, 0x41, 0x80, 0xBF, 0xC0, 0xC3, 0xE2, 0xED, 0xF0, 0xFF])


def _scalars(draw, limit, size):
    points = (draw.randrange(limit) for _ in range(draw.randrange(size)))
    return "".join(map(chr, points)).encode("utf-8", "surrogatepass")


@pytest.fixture(scope="session")
def hard_texts():
    """More than 2,000 byte strings; each may be cut in any odd way."""
    draw = random.Random(7)
    texts = [part.encode() for part in _PARTS]
    for _ in range(1500):
        parts = draw.choices(_PARTS, k=draw.randrange(15))
        texts.append("".join(parts).encode())
    for _ in range(400):
        text = bytearray("".join(draw.choices(_PARTS, k=8)).encode())
        for _ in range(draw.randrange(1, 4)):
            text[draw.randrange(len(text))] = draw.choice(_BYTES)
        texts.append(bytes(text))
    texts += [bytes(draw.choices(_BYTES, k=6)) for _ in range(200)]
    texts += [_scalars(draw, 0x110000, 20) for _ in range(200)]
    texts += [_scalars(draw, 0x3100, 20) for _ in range(300)]
    texts += [b"", b" ", b"a" * 1_000_000, b"Ab" * 5000, b"ha " * 5000]
    draw.shuffle(texts)
    return texts


@pytest.fixture(scope="session")
def piece_model():
    """A SentencePiece model of a few hundred pieces, as bytes."""
    pytest.importorskip("sentencepiece")
    from ulmfit_keras.text.sentence_piece_training import train_sentencepiece

    texts = [inspect.getsource(module) for module in (inspect, textwrap)]
    texts += ["日本語のテキスト。日本の言葉です。", "Привет, мир!"] * 10
    return train_sentencepiece(texts, vocabulary_size=500)
