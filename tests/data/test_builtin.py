import collections
import re

import pytest

from ulmfit_keras.data import builtin
from ulmfit_keras.data.builtin import builtin_passages
from ulmfit_keras.data.builtin import mask_names
from ulmfit_keras.data.errors import DataError

LABELLED = ("train", "valid", "test")


@pytest.fixture(scope="module")
def tables():
    return builtin_passages()._asdict()


def test_classes_are_enough_and_balanced(tables):
    assert sum(len(tables[split]) for split in LABELLED) >= 3000
    for split in LABELLED:
        counts = collections.Counter(tables[split].labels)
        assert len(counts) >= 4
        assert min(counts.values()) >= 0.5 * max(counts.values())
        assert max(counts.values()) <= 420
    assert tables["unlabeled"].labels is None
    assert len(tables["unlabeled"]) > 100


def test_passages_are_texts_of_reasonable_length(tables):
    for table in tables.values():
        for text in table.texts:
            assert 20 <= len(text.split()) <= 150
            assert ">>>" not in text
            assert "\n" not in text


def test_nothing_leaks_between_splits(tables):
    modules = {split: set(tables[split].rows) for split in LABELLED}
    assert not modules["train"] & modules["test"]
    assert not modules["train"] & modules["valid"]
    assert not modules["valid"] & modules["test"]
    assert set(tables["unlabeled"].rows) <= modules["train"]
    everything = sum((table.texts for table in tables.values()), [])
    assert len({text.lower() for text in everything}) == len(everything)


def test_no_long_run_of_words_is_common_to_train_and_test(tables):
    def runs(text, size=12):
        words = text.lower().split()
        return {tuple(words[i : i + size]) for i in range(len(words) - size)}

    known = set().union(*map(runs, tables["train"].texts))
    leaked = [text for text in tables["test"].texts if runs(text) & known]
    # Allowed is a part of a passage, such as a sentence that is often used.
    assert len(leaked) < 0.05 * len(tables["test"])


def test_names_of_packages_are_masked(tables):
    names = re.compile(
        r"tensorflow|keras|numpy|scipy|sklearn|pandas|matplotlib|pyplot"
        r"|\bpython\b|\b(?:tf|np|pd|plt)\b",
        re.IGNORECASE,
    )
    for table in tables.values():
        assert not [text for text in table.texts if names.search(text)]


def test_the_same_on_every_run_and_of_the_size_asked_for(tables):
    sizes = {"train": 8, "valid": 2, "test": 3}
    first, again = (
        builtin_passages(*sizes.values())._asdict() for _ in range(2)
    )
    assert first == again
    for split, size in sizes.items():
        counts = collections.Counter(first[split].labels)
        assert set(counts.values()) == {size}
    # The first modules are for testing, whatever the sizes.
    assert set(first["test"].texts) <= set(tables["test"].texts)
    assert re.search(r"python 3\.\d+.*, \w+ \d+\.", first["test"].source)


def test_it_is_neither_trivial_nor_impossible(tables):
    pytest.importorskip("sklearn")
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.naive_bayes import ComplementNB
    from sklearn.pipeline import make_pipeline

    baseline = make_pipeline(
        TfidfVectorizer(sublinear_tf=True, min_df=3),
        ComplementNB(),
    )
    baseline.fit(tables["train"].texts, tables["train"].labels)
    accuracy = baseline.score(tables["test"].texts, tables["test"].labels)
    assert 0.6 < accuracy < 0.9


def test_too_few_packages(monkeypatch):
    monkeypatch.setattr(builtin, "_PACKAGES", ("python", "numpy", "not_here"))
    with pytest.raises(DataError, match="needs 4 of") as error:
        builtin_passages()
    assert "Received: ['python', 'numpy']" in str(error.value)


@pytest.mark.parametrize(
    "text, masked",
    [
        ("Uses NumPy's arrays.", "Uses library's arrays."),
        ("See `tf.nn.relu` or np.where.", "See relu or where."),
        ("A scikit-learn estimator", "A library estimator"),
        (
            "the KerasHub model, e.g. 3.5 of it",
            "the library model, e.g. 3.5 of it",
        ),
        ("a :class:`~.Artist` or :meth:`draw <x.y>`", "a Artist or draw"),
        ("call `~.Artist.f` or `~pandas.cut`::", "call f or cut:"),
        ("an .Artist and *xy* and **z**", "an Artist and xy and z"),
        ("[the paper](https://a.b/c) at www.x.org", "the paper at"),
        ("the mean :math:`x^2` of $y$", "the mean formula of formula"),
    ],
)
def test_masking(text, masked):
    assert mask_names(text) == masked
