"""What counts as documents, and what becomes of them."""

import types

import numpy as np
import pytest

from ulmfit_keras.models import documents


class Column:
    """As a column of a data frame."""

    def to_list(self):
        return ["a", "b"]


@pytest.mark.parametrize(
    "x, expected",
    [
        ("a", ["a"]),
        (b"a", [b"a"]),
        (["a", "b"], ["a", "b"]),
        (("a", "b"), ["a", "b"]),
        ([[2, 3], [2]], [[2, 3], [2]]),
        ([["a"], ("b",)], ["a", "b"]),
        ([], []),
        (np.array(["a", "b"]), ["a", "b"]),
        (np.array(["a", "b"], "T"), ["a", "b"]),
        (np.array([["a"], ["b"]], object), ["a", "b"]),
        (Column(), ["a", "b"]),
        (np.ones((2, 3), "int32"), None),
        ({"token_ids": [[2, 3]]}, None),
        (None, None),
    ],
)
def test_what_counts_as_documents(x, expected):
    assert documents.as_documents(x) == expected


@pytest.fixture
def preprocessor():
    return types.SimpleNamespace(
        sequence_length=2, token_ids=lambda texts: [f"ids of {texts}"]
    )


def test_texts_go_through_the_preprocessor(preprocessor):
    assert documents.document_ids(["a", b"b"], preprocessor) == [
        "ids of ['a', b'b']"
    ]


def test_token_ids_are_cut_off_where_texts_would_be(preprocessor):
    ids = [[2, 3, 4], np.array([2]), (2, 5)]
    found = documents.document_ids(ids, preprocessor)
    assert [list(row) for row in found] == [[2, 3], [2], [2, 5]]
    whole = documents.document_ids(ids, None)
    assert [len(row) for row in whole] == [3, 1, 2]


@pytest.mark.parametrize("wrong", [["a", [2, 3]], [1, 2], [None]])
def test_other_things_are_refused(preprocessor, wrong):
    with pytest.raises(ValueError, match="all texts or all lists.*Received:"):
        documents.document_ids(wrong, preprocessor)


def test_texts_need_a_preprocessor():
    with pytest.raises(ValueError, match="set its `preprocessor`.*'a'"):
        documents.document_ids(["a"], None)


def test_batches_hold_every_document_with_its_target_and_weight():
    ids = [[2] + [i] * (i % 7) for i in range(3, 20)]
    batches = documents.document_batches(
        ids, np.arange(3, 20), np.arange(3, 20) / 2, None, 4, shuffle=True
    )
    seen = []
    for index in range(len(batches)):
        x, targets, weights = batches[index]
        for row, mask, target, weight in zip(
            x["token_ids"], x["padding_mask"], targets, weights, strict=True
        ):
            document = row[np.asarray(mask, bool)].tolist()
            assert document == [2] + [target] * (target % 7)
            assert weight == target / 2
            seen.append(int(target))
    assert sorted(seen) == list(range(3, 20))
    assert documents.document_batches({}, None, None, None, 4) is None
