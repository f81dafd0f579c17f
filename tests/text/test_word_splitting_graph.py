"""The graph cuts every text as Python does."""

import hypothesis
import pytest
from hypothesis import strategies as st

from ulmfit_keras.text.word_splitting import SPECIAL_TOKENS
from ulmfit_keras.text.word_splitting import split_words

tf = pytest.importorskip("tensorflow")
word_splitting_graph = pytest.importorskip(
    "ulmfit_keras.text.word_splitting_graph"
)


@pytest.fixture(scope="module", params=[False, True])
def twins(request):
    """Both paths: each from a list of bytes to lists of tokens."""
    graph = tf.function(
        lambda texts: word_splitting_graph.split_words(texts, request.param),
        input_signature=[tf.TensorSpec([None], tf.string)],
    )

    def in_graph(texts):
        found = graph(tf.constant(texts, tf.string, [len(texts)])).to_list()
        return [[token.decode() for token in tokens] for tokens in found]

    def in_python(texts):
        return [split_words(text, request.param) for text in texts]

    return in_graph, in_python


def test_hard_texts(twins, hard_texts):
    in_graph, in_python = twins
    assert len(hard_texts) >= 2000
    for text, found, expected in zip(
        hard_texts, in_graph(hard_texts), in_python(hard_texts), strict=True
    ):
        assert found == expected, text[:200]


_HARD = st.text(st.characters(exclude_categories=())) | st.lists(
    st.sampled_from([*SPECIAL_TOKENS, "a", "A", " ", "'", "\x1f", "&amp;", "1"])
).map("".join)


@hypothesis.settings(deadline=None)
@hypothesis.given(st.lists(_HARD.map(lambda t: t.encode(errors="replace"))))
def test_any_texts(twins, texts):
    in_graph, in_python = twins
    assert in_graph(texts) == in_python(texts)


@hypothesis.settings(deadline=None)
@hypothesis.given(st.lists(st.binary()))
def test_any_bytes(twins, texts):
    in_graph, in_python = twins
    assert in_graph(texts) == in_python(texts)


def test_code_points(twins):
    in_graph, in_python = twins
    code_points = [
        *range(0x3400),
        *range(0x3400, 0xD800, 17),
        *range(0xE000, 0x20000, 3),
        *range(0x20000, 0xE0000, 97),
        *range(0xE0000, 0xE0200),
        *range(0xE0200, 0x110000, 97),
    ]
    texts = [
        " ".join(f"{c}b {c}" for c in map(chr, code_points[i : i + 999]))
        for i in range(0, len(code_points), 999)
    ]
    texts = [text.encode() for text in texts]
    assert in_graph(texts) == in_python(texts)


def test_no_texts(twins):
    in_graph, _ = twins
    assert in_graph([]) == []
    assert in_graph([b""]) == [[]]
    assert in_graph([b"", b"a", b"", b"\xff"]) == [[], ["a"], [], []]


def test_texts_do_not_touch_each_other(twins):
    in_graph, in_python = twins
    texts = [b"ha", b"ha", b"ha", b"aa", b"a", b"don", b"'t", b"xx", b"bos"]
    assert in_graph(texts) == in_python(texts)


def test_memory_does_not_grow_with_batch_times_longest(twins):
    # As a padded batch of code points this would take 80 GB.
    in_graph, _ = twins
    texts = [b"ab " * 10] * 10_000 + [b"ab" * 1_000_000]
    tokens = in_graph(texts)
    assert tokens[0] == ["xxwrep", "10", "ab"]
    assert len(tokens[-1][0]) == 2_000_000


def test_constants_are_small():
    function = tf.function(word_splitting_graph.split_words)
    graph = function.get_concrete_function(
        tf.TensorSpec([None], tf.string)
    ).graph
    assert graph.as_graph_def().ByteSize() < 500_000
