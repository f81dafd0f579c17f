"""From text files to token shards, on one machine."""

import hashlib
import os
import pathlib
import re
import shutil

from ulmfit_keras.checksums import file_sha256
from ulmfit_keras.data.compression import compression
from ulmfit_keras.data.corpus.documents import detect_format
from ulmfit_keras.data.corpus.manifest import MANIFEST_FILE
from ulmfit_keras.data.corpus.manifest import MODEL_FILE
from ulmfit_keras.data.corpus.manifest import VOCABULARY_FILE
from ulmfit_keras.data.corpus.manifest import check_contents
from ulmfit_keras.data.corpus.manifest import check_paths
from ulmfit_keras.data.corpus.manifest import make_manifest
from ulmfit_keras.data.corpus.manifest import make_settings
from ulmfit_keras.data.corpus.manifest import read_manifest
from ulmfit_keras.data.corpus.pieces import word_rules_fingerprint
from ulmfit_keras.data.corpus.pieces import write_json
from ulmfit_keras.data.corpus.progress import WatchedPool
from ulmfit_keras.data.corpus.steps import learn_tokenizer
from ulmfit_keras.data.corpus.steps import tokenize_sources
from ulmfit_keras.data.corpus.steps import write_shards
from ulmfit_keras.data.corpus.workers import WorkerPool
from ulmfit_keras.data.errors import DataError
from ulmfit_keras.data.errors import listing
from ulmfit_keras.folder_lock import only_run
from ulmfit_keras.text.encoders import SentencePieceEncoder

WORK_FOLDER = "unfinished"
_LEARNED = ("words", "sentencepiece")
_HASHED_AT_ONCE = 1 << 24
_SHARD_NAME = re.compile(r"(train|valid|test)-\d{5}-of-\d{5}\.npy")


def prepare_corpus(
    output_dir,
    train,
    valid=(),
    test=(),
    tokenizer="words",
    vocabulary_size=30_000,
    min_count=2,
    shard_tokens=1 << 26,
    processes=1,
    verbose=True,
):
    """Turn text files into a vocabulary and memory-mapped token shards.

    The folder gets `vocabulary.txt`, the shards
    (`train-00000-of-00007.npy`, …: ids, uint16 or int32) and, last of all,
    `manifest.json`, which tells sources, counts and checksums. They are the
    same for any number of processes. A run that was broken off continues; it
    keeps what is finished in the subfolder `unfinished`, some five bytes a
    token, which goes at the end. A finished folder is left alone, and where
    another run is at work, this one waits for its end.

    However long the files are, and however many different words they have,
    the memory is about 1 GB for what the calling process imports, and less
    than 0.5 GB for each process that works.

    Args:
        output_dir: the folder.
        train: paths of corpus files, in the order of the stream, or a single
            path; see `read_documents` for what they may be.
        valid: paths for the split "valid". Defaults to none.
        test: paths for the split "test". Defaults to none.
        tokenizer: `"words"` or `"sentencepiece"`, learned from `train`, or a
            `WordTokenizer` or `SentencePieceTokenizer` to take as it is.
        vocabulary_size: the most tokens to learn, special ones included.
            Defaults to 30,000.
        min_count: leave out words seen less often. Defaults to 2.
        shard_tokens: the most tokens in a shard, about. Defaults to 67
            million, 134 MB.
        processes: how many to work with. Defaults to 1, this one.
        verbose: print progress bars. Defaults to True.

    Returns:
        The manifest, a dict.

    Raises:
        DataError: if a file cannot be read, or stands in two splits or twice
            in one, or if the folder holds another or a damaged corpus.

    Example:

    ```python
    prepare_corpus("corpus", ["wiki.txt.xz"], valid=["valid.txt"])
    stream = TokenStream(TokenShards("corpus"))
    ```
    """
    folder = pathlib.Path(output_dir)
    splits = {"train": train, "valid": valid, "test": test}
    splits = {
        split: _path_list(paths)
        for split, paths in splits.items()
        if split == "train" or paths
    }
    check_paths(splits)
    if isinstance(tokenizer, str) and tokenizer not in _LEARNED:
        raise ValueError(
            f"`tokenizer` must be one of {_LEARNED} or a tokenizer. "
            f"Received: tokenizer={tokenizer!r}"
        )
    settings = make_settings(
        tokenizer, vocabulary_size, min_count, shard_tokens
    )
    work_folder = folder / WORK_FOLDER
    with WorkerPool(processes) as pool:
        pool = WatchedPool(pool, verbose)
        sources = _inspect(splits, pool)
        folder.mkdir(parents=True, exist_ok=True)
        with only_run(folder):
            if (folder / MANIFEST_FILE).is_file():
                manifest = read_manifest(folder)
                _check_same(folder, manifest, sources, settings, tokenizer)
            else:
                work_folder.mkdir(exist_ok=True)
                manifest = _prepare(folder, sources, settings, tokenizer, pool)
                _remove_other_shards(folder, manifest)
                write_json(folder / MANIFEST_FILE, manifest, work_folder)
            shutil.rmtree(work_folder, ignore_errors=True)
    return manifest


def _path_list(paths):
    if isinstance(paths, (str, os.PathLike)):
        paths = [paths]
    return list(map(str, paths))


def inspect_source(path, report):
    """Find out what a corpus file is.

    Args:
        path: str, the file.
        report: called with the number of bytes read since.

    Returns:
        A dict: its `path`, `bytes`, `sha256` and `format`.
    """
    digest, length = hashlib.sha256(), 0
    with open(path, "rb") as file:
        while data := file.read(_HASHED_AT_ONCE):
            digest.update(data)
            length += len(data)
            report(len(data))
    return {
        "path": path,
        "bytes": length,
        "sha256": digest.hexdigest(),
        "format": detect_format(path),
    }


def _inspect(splits, pool):
    """The sources of each split."""
    paths = [path for group in splits.values() for path in group]
    found = iter(
        pool.results(
            "Looking at the files",
            inspect_source,
            [{"path": path} for path in paths],
            [pathlib.Path(path).stat().st_size for path in paths],
            unit="MB",
            scale=10**6,
        )
    )
    sources = {split: [next(found) for _ in g] for split, g in splits.items()}
    check_contents(sources)
    return sources


def _check_same(folder, manifest, sources, settings, tokenizer):
    """Raise a `DataError` if a finished folder is not what was asked for."""
    found = {
        "settings": manifest["settings"],
        "word rules": manifest["word_rules"],
        "files": {
            split: [
                (source["sha256"], compression(source["name"]))
                for source in content["sources"]
            ]
            for split, content in manifest["splits"].items()
        },
    }
    expected = {
        "settings": settings,
        "word rules": word_rules_fingerprint(),
        "files": {
            split: [
                (source["sha256"], compression(source["path"]))
                for source in group
            ]
            for split, group in sources.items()
        },
    }
    if not isinstance(tokenizer, str):
        found["vocabulary"] = manifest["vocabulary"]["fingerprint"]
        expected["vocabulary"] = tokenizer.vocabulary.fingerprint
    changed = [name for name in expected if expected[name] != found[name]]
    if changed:
        raise DataError(
            f"{folder} holds a finished corpus with other {listing(changed)}. "
            "Choose another folder, or delete this one. Received: "
            f"output_dir={str(folder)!r}"
        )
    files = [
        shard["file"]
        for content in manifest["splits"].values()
        for shard in content["shards"]
    ]
    files.append(VOCABULARY_FILE)
    missing = [name for name in files if not (folder / name).is_file()]
    if missing:
        raise DataError(
            f"{folder} holds a finished corpus, but not all of its files. "
            "Delete the folder, and prepare the corpus again. Received: no "
            f"{listing(missing)}"
        )


def _prepare(folder, sources, settings, tokenizer, pool):
    """All steps but the last; returns the manifest."""
    work_folder = folder / WORK_FOLDER
    has_pieces = tokenizer == "sentencepiece" or isinstance(
        getattr(tokenizer, "encoder", None), SentencePieceEncoder
    )
    pieces = {
        split: tokenize_sources(split, group, work_folder, has_pieces, pool)
        for split, group in sources.items()
    }
    if isinstance(tokenizer, str):
        vocabulary, model = learn_tokenizer(
            tokenizer, sources["train"], pieces["train"], settings, pool
        )
    else:
        vocabulary = tokenizer.vocabulary
        model = getattr(tokenizer.encoder, "proto", None)
    path, unfinished = folder / VOCABULARY_FILE, work_folder / VOCABULARY_FILE
    vocabulary.save(unfinished)
    unfinished.replace(path)
    model_sha256 = None
    if model is not None:
        path, unfinished = folder / MODEL_FILE, work_folder / MODEL_FILE
        unfinished.write_bytes(model)
        unfinished.replace(path)
        model_sha256 = file_sha256(path)
    encoding = [str(path), file_sha256(path)]
    shards = {
        split: write_shards(
            split,
            group,
            pieces[split],
            encoding,
            settings,
            folder,
            work_folder,
            pool,
        )
        for split, group in sources.items()
    }
    return make_manifest(
        settings,
        vocabulary,
        model_sha256,
        {split: (sources[split], shards[split]) for split in sources},
    )


def _remove_other_shards(folder, manifest):
    """Remove shards of a run that was broken off and had other settings."""
    names = {
        shard["file"]
        for split in manifest["splits"].values()
        for shard in split["shards"]
    }
    for path in folder.iterdir():
        if _SHARD_NAME.fullmatch(path.name) and path.name not in names:
            path.unlink()
