import copy
import json
import pickle
import shutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from ulmfit_keras.data import token_shards
from ulmfit_keras.data.corpus.preparation import prepare_corpus
from ulmfit_keras.data.errors import DataError
from ulmfit_keras.data.token_shards import TokenShards
from ulmfit_keras.data.token_stream import TokenStream
from ulmfit_keras.data.token_stream import reverse_documents

DOCUMENTS = ["one", *("a b c " * (i % 7) + f"last {i}" for i in range(40))]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A prepared corpus of several shards."""
    folder = tmp_path_factory.mktemp("corpus")
    for name in ("train", "valid"):
        path = folder / f"{name}.txt"
        path.write_text("\n\n".join([name, *DOCUMENTS]))
    prepare_corpus(
        folder / "out",
        [folder / "train.txt"],
        valid=[folder / "valid.txt"],
        min_count=1,
        shard_tokens=90,
        verbose=False,
    )
    return folder / "out"


@pytest.fixture(scope="module")
def arrays(folder):
    """The same ids, read by other means: as they are and reversed."""
    ids = np.concatenate(
        [np.load(path) for path in sorted(folder.glob("train-*"))]
    )
    return {False: ids, True: reverse_documents(ids, beginning_id=2)}


_PLACES = st.none() | st.integers(-700, 700)


@pytest.mark.parametrize("backwards", [False, True])
def test_slices_are_those_of_one_array(folder, arrays, backwards):
    shards = TokenShards(folder, backwards=backwards)
    expected = arrays[backwards]
    assert len(shards) == len(expected) > 400
    assert shards.shape == expected.shape
    assert shards.dtype == expected.dtype == np.uint16

    @settings(deadline=None, max_examples=300)
    @given(_PLACES, _PLACES, st.sampled_from([None, 1, 2, 7, -1, -3]))
    def check(first, last, step):
        found = shards[first:last:step]
        assert isinstance(found, np.ndarray)
        assert found.dtype == np.uint16
        np.testing.assert_array_equal(found, expected[first:last:step])

    check()
    for place in (0, 91, -1, len(expected) - 1):
        assert shards[place] == expected[place]
    for place in (len(expected), -len(expected) - 1):
        with pytest.raises(IndexError):
            shards[place]


def test_backward_reading_takes_a_block_at_a_time(folder, arrays, monkeypatch):
    monkeypatch.setattr(token_shards, "_TOKENS_AT_ONCE", 7)
    shards = TokenShards(folder, backwards=True)
    np.testing.assert_array_equal(shards[:], arrays[True])


def test_it_is_an_array_to_numpy(folder, arrays):
    shards = TokenShards(folder)
    np.testing.assert_array_equal(np.asarray(shards), arrays[False])
    assert np.asarray(shards, "int32").dtype == np.int32
    with pytest.raises(ValueError, match="copy=False"):
        np.array(shards, copy=False)


def test_tokens_are_counted(folder, arrays, monkeypatch):
    monkeypatch.setattr(token_shards, "_TOKENS_AT_ONCE", 7)
    shards = TokenShards(folder)
    values, expected = np.unique(arrays[False], return_counts=True)
    found = shards.token_counts()
    assert found.shape == (len(shards.vocabulary),)
    np.testing.assert_array_equal(found[values], expected)
    assert found.sum() == len(shards)


def test_paths_are_those_of_the_split(folder):
    assert len(TokenShards(folder).paths) > 1
    for split in ("train", "valid"):
        shards = TokenShards(folder, split)
        joined = np.concatenate([np.load(path) for path in shards.paths])
        np.testing.assert_array_equal(joined, shards[:])


def test_files_are_mapped_not_read(folder):
    view = TokenShards(folder)[3:9]
    assert not view.flags.owndata
    assert not view.flags.writeable


@pytest.mark.parametrize("backwards", [False, True])
def test_a_token_stream_reads_them(folder, arrays, backwards):
    shards = TokenShards(folder, backwards=backwards)
    options = {"batch_size": 3, "bptt": 11}
    found = TokenStream(shards, **options)
    expected = TokenStream(arrays[backwards], **options)
    assert len(found) == len(expected)
    for i in range(len(found)):
        for a, b in (
            (found[i][0]["token_ids"], expected[i][0]["token_ids"]),
            (found[i][1], expected[i][1]),
        ):
            np.testing.assert_array_equal(a, b)


def test_splits_share_a_vocabulary(folder):
    train, valid = TokenShards(folder), TokenShards(folder, "valid")
    words = [valid.vocabulary.tokens[i] for i in valid[:4]]
    assert words == ["xxbos", "xxunk", "xxbos", "one"]
    assert train.vocabulary == valid.vocabulary
    with pytest.raises(DataError, match=r"only \['train', 'valid'\]"):
        TokenShards(folder, "test")


def test_copies_map_the_same_files(folder, arrays):
    shards = TokenShards(folder, backwards=True)
    for other in (pickle.loads(pickle.dumps(shards)), copy.deepcopy(shards)):
        np.testing.assert_array_equal(other[50:200], arrays[True][50:200])
    assert len(pickle.dumps(shards)) < 1000


def test_tokenizer_gives_the_same_ids(folder):
    shards = TokenShards(folder)
    tokenizer = shards.tokenizer()
    ids = [2, *tokenizer.tokenize("train\n"), 2, *tokenizer.tokenize("one")]
    assert shards[: len(ids)].tolist() == ids


@pytest.fixture
def copied(folder, tmp_path):
    return shutil.copytree(folder, tmp_path / "copy")


def test_verify_finds_changed_files(copied):
    shards = TokenShards(copied)
    shards.verify()
    path = sorted(copied.glob("valid-*"))[-1]
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(DataError, match=f"{path.name} must have the SHA-256"):
        shards.verify()
    path.unlink()
    with pytest.raises(DataError, match="Received: no file"):
        shards.verify()


def test_a_changed_vocabulary_is_found(copied):
    path = copied / "vocabulary.txt"
    path.write_text(path.read_text() + "new\n")
    with pytest.raises(DataError, match="must have the fingerprint"):
        TokenShards(copied).vocabulary  # noqa: B018


def test_wrong_folders_are_told(copied, tmp_path):
    with pytest.raises(DataError, match="recipes.prepare_corpus"):
        TokenShards(tmp_path)
    path = sorted(copied.glob("train-*"))[1]
    np.save(path, np.zeros(3, np.uint16))
    with pytest.raises(DataError, match=r"Received: \('uint16', \(3,\)\)"):
        TokenShards(copied)
    path.write_bytes(b"")
    with pytest.raises(DataError, match="missing or damaged"):
        TokenShards(copied)
    manifest = json.loads((copied / "manifest.json").read_text())
    manifest["format_version"] = 99
    (copied / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(DataError, match="Received: 99"):
        TokenShards(copied)
