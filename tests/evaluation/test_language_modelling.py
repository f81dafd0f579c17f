"""Perplexity and bits per character against sums made by hand."""

import lzma
import math

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ulmfit_keras import evaluation
from ulmfit_keras import text
from ulmfit_keras.evaluation import language_modelling
from ulmfit_keras.evaluation import wikitext

TEXTS = ["the film was good", "The zebra was bad bad", "good film"]
WORDS = ["the", "film", "was", "good", "bad"]


def nats_by_hand(language_model, documents):
    """Of the tokens of all documents, one after the other, but the first."""
    ids = np.concatenate(documents)
    hidden, _, _ = language_model.backbone.encode(ids[None, :-1])
    logits = keras.ops.convert_to_numpy(language_model.output_logits(hidden))
    logits = logits[0].astype("float64")
    log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    return -log_p[np.arange(len(ids) - 1), ids[1:]].sum(), len(ids) - 1


def spelled_by_hand(words, num_letters):
    """Bits of letters and ends, one after the other."""
    coded, bits = [], 0.0
    for symbol in (symbol for word in words for symbol in [*word, "end"]):
        share = (coded.count(symbol) + 1) / (len(coded) + num_letters + 1)
        bits -= math.log2(share)
        coded.append(symbol)
    return bits


def test_all_figures_add_up(random_language_model):
    language_model = random_language_model(WORDS)
    metrics = evaluation.language_model_metrics(
        language_model, TEXTS, batch_size=1, bptt=3
    )
    tokenizer = language_model.preprocessor.tokenizer
    documents = text.encode_texts(tokenizer, TEXTS)
    nats, tokens = nats_by_hand(language_model, documents)
    characters = sum(map(len, TEXTS)) + 3
    assert metrics["documents"] == 3
    assert metrics["words"] == 11
    assert metrics["characters"] == characters
    assert metrics["tokens"] == tokens == 11 + 3  # xxmaj, and xxbos twice
    assert metrics["unknown_share"] == pytest.approx(1 / 14)
    assert metrics["perplexity"] == pytest.approx(
        math.exp(nats / tokens), rel=1e-4
    )
    assert metrics["word_perplexity"] == pytest.approx(
        math.exp(nats / 11), rel=1e-4
    )
    letters = len(set("".join(TEXTS)) - {" "})
    spelling = spelled_by_hand(["zebra"], letters)
    assert metrics["bits_per_character"] == pytest.approx(
        (nats / math.log(2) + spelling) / characters, rel=1e-4
    )
    assert metrics["spelled_word_perplexity"] == pytest.approx(
        math.exp((nats + spelling * math.log(2)) / 11), rel=1e-4
    )


def test_one_endless_word_has_no_perplexity(random_language_model):
    ideographs = "".join(map(chr, range(0x4E00, 0x4E00 + 2000)))
    metrics = evaluation.language_model_metrics(
        random_language_model(WORDS), [ideographs], 1
    )
    assert metrics["word_perplexity"] == math.inf
    assert metrics["spelled_word_perplexity"] == math.inf
    assert math.isfinite(metrics["bits_per_character"])


def test_windows_and_chunks_change_nothing(random_language_model):
    language_model = random_language_model(WORDS)
    expected = evaluation.language_model_metrics(language_model, TEXTS, 1, 3)
    for bptt, chunk_size in ((70, 512), (5, 2), (4, None)):
        metrics = evaluation.language_model_metrics(
            language_model, TEXTS, 1, bptt, chunk_size
        )
        assert metrics == pytest.approx(expected, rel=1e-4)


def test_a_backward_model_reads_from_the_end(random_language_model):
    texts = ["the film was good"]
    language_model = random_language_model(WORDS, backwards=True)
    metrics = evaluation.language_model_metrics(language_model, texts, 1)
    tokenizer = language_model.preprocessor.tokenizer
    (ids,) = text.encode_texts(tokenizer, texts)
    nats, tokens = nats_by_hand(
        language_model, [np.concatenate([ids[:1], ids[:0:-1]])]
    )
    assert metrics["perplexity"] == pytest.approx(
        math.exp(nats / tokens), rel=1e-4
    )


def test_leaving_words_out_of_the_vocabulary_gains_nothing(
    random_language_model,
):
    language_model = random_language_model(WORDS)
    known = evaluation.language_model_metrics(language_model, ["good bad"], 1)
    unknown = evaluation.language_model_metrics(language_model, ["gnus ape"], 1)
    assert known["unknown_share"] == 0 and unknown["unknown_share"] == 1
    # Seven letters, of which one comes twice, and two ends.
    assert unknown["bits_per_character"] > 3


@given(st.lists(st.text()))
def test_the_code_learns_how_frequent_letters_are(words):
    letters = len(set("".join(words)))
    bits = language_modelling.spelling_bits(words, letters)
    assert bits == pytest.approx(spelled_by_hand(words, letters))


def test_frequent_letters_cost_less():
    spelling_bits = language_modelling.spelling_bits
    uniform = math.log2(3 + 1)
    assert spelling_bits(["abc"] * 1000, 3) / 4000 == pytest.approx(2, rel=0.01)
    assert spelling_bits(["aaaaaab"] * 1000, 3) / 8000 < 0.6 * uniform


def test_no_token_is_an_error(random_language_model):
    with pytest.raises(ValueError, match="at least two tokens"):
        evaluation.language_model_metrics(random_language_model(WORDS), [""])


@pytest.mark.parametrize("one", ["good bad", b"good bad"])
def test_one_text_is_no_list_of_texts(random_language_model, one):
    with pytest.raises(ValueError, match="Received: texts=b?'good bad'"):
        evaluation.language_model_metrics(random_language_model(WORDS), one)


WIKITEXT = """ 
 = The film = 
 
 The film was <unk> @-@ good , bad film in zebra . 
 
 = Good film = 
 
 good 
"""


def test_wikitext_is_divided_by_its_own_words(
    random_language_model, monkeypatch
):
    language_model = random_language_model(WORDS)
    seen = []
    monkeypatch.setattr(
        wikitext,
        "language_model_metrics",
        lambda *args, **kwargs: (
            seen.append(args[1]),
            evaluation.language_model_metrics(*args, **kwargs),
        )[1],
    )
    metrics = evaluation.wikitext_metrics(language_model, WIKITEXT)
    assert [text.split() for text in seen[0]] == [
        "= The film = The film was xxunk-good , bad film in zebra .".split(),
        "= Good film = good".split(),
    ]
    documents = language_model.token_ids(seen[0])
    nats, tokens = nats_by_hand(language_model, documents)
    assert metrics["tokens"] == tokens
    # Four words and an end, then eleven, then three and one, and ends of
    # the blank lines.
    assert metrics["words"] == 4 + 12 + 4 + 1 + 8
    assert metrics["word_perplexity"] == pytest.approx(
        math.exp(nats / 29), rel=1e-3
    )
    unknown = [*"====", "-", ",", ".", "in", "zebra"]
    letters = len(set("".join(seen[0])) - {" ", "\n"})
    bits = spelled_by_hand(unknown, letters)
    assert metrics["spelled_word_perplexity"] == pytest.approx(
        math.exp((nats + bits * math.log(2)) / 29), rel=1e-3
    )
    assert metrics["bits_per_character"] == pytest.approx(
        (nats / math.log(2) + bits) / metrics["characters"], rel=1e-3
    )


def test_an_endless_word_of_wikitext_has_no_perplexity(random_language_model):
    metrics = evaluation.wikitext_metrics(
        random_language_model(WORDS), " = 標題 = \n" + "句子" * 2000
    )
    assert metrics["spelled_word_perplexity"] == math.inf


def test_other_text_is_not_wikitext(random_language_model):
    with pytest.raises(ValueError, match=r"' = Title = '.*\['a b'\]"):
        evaluation.wikitext_metrics(random_language_model(WORDS), "a b\n")


def test_wikitext_has_as_many_words_as_its_paper_says(
    random_language_model, data_dir
):
    """Merity et al. 2016, table 1."""
    content = lzma.decompress(
        (data_dir / "wikitext-2" / "valid.txt.xz").read_bytes()
    ).decode()
    metrics = evaluation.wikitext_metrics(random_language_model(WORDS), content)
    assert metrics["words"] == 217_646
