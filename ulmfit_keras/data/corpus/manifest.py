"""The manifest of a prepared corpus: what went in, and what came out."""

import collections
import json
import os

from ulmfit_keras.data.corpus.pieces import word_rules_fingerprint
from ulmfit_keras.data.corpus.shards import shard_dtype
from ulmfit_keras.data.errors import DataError
from ulmfit_keras.data.errors import listing

MANIFEST_FILE = "manifest.json"
MANIFEST_VERSION = 1
VOCABULARY_FILE = "vocabulary.txt"
MODEL_FILE = "vocabulary.spm"
PREPARE_ANEW = "Delete the folder and prepare the corpus anew."

# What is read of a manifest: dicts with these keys, and lists of such.
_SPLIT = {
    "tokens": int,
    "documents": int,
    "unknown_share": float,
    "not_utf8": int,
    "sources": [{"name": str, "sha256": str}],
    "shards": [{"file": str, "tokens": int, "sha256": str}],
}
_MANIFEST = {
    "settings": dict,
    "word_rules": str,
    "vocabulary": {"file": str, "size": int, "fingerprint": str},
    "dtype": str,
    "splits": {"train": _SPLIT},
}


def check_paths(splits):
    """Raise a `DataError` if a split has no files, or one twice.

    Args:
        splits: dict from names of splits to lists of paths, str.
    """
    for split, paths in splits.items():
        if not paths:
            raise DataError(
                f"The files of {split!r} must be at least one. Received: none"
            )
        folders = [path for path in paths if os.path.isdir(path)]
        if folders:
            raise DataError(
                f"The files of {split!r} must be files; name those in a folder "
                f"by a pattern, such as {folders[0]}/*.txt. Received: folders "
                f"{listing(folders)}"
            )
        counts = collections.Counter(map(_resolved, paths))
        twice = [path for path, count in counts.items() if count > 1]
        if twice:
            raise DataError(
                f"A file of {split!r} must be named once; do two patterns "
                f"match it? Received: {listing(twice)} twice"
            )


def _resolved(path):
    return os.path.realpath(path) if os.path.exists(path) else path


def check_contents(splits):
    """Raise a `DataError` if two splits have a file in common.

    Args:
        splits: dict from names of splits to lists of sources, dicts with
            `path`, `bytes` and `sha256`.
    """
    seen = {}
    for split, sources in splits.items():
        for source in sources:
            other, path = seen.setdefault(
                source["sha256"], (split, source["path"])
            )
            if other != split and source["bytes"]:
                raise DataError(
                    f"{split!r} must not be text that {other!r} is, or it "
                    f"tells nothing. Received: {path} and {source['path']}, "
                    "which are equal"
                )


def make_settings(tokenizer, vocabulary_size, min_count, shard_tokens):
    """What decides, besides the text, about ids and shards, as a dict."""
    learned = isinstance(tokenizer, str)
    return {
        "tokenizer": tokenizer if learned else "given",
        "vocabulary_size": vocabulary_size if learned else None,
        "min_count": min_count if tokenizer == "words" else None,
        "shard_tokens": shard_tokens,
    }


def source_names(paths):
    """Names of files that tell them apart, without the folders they share."""
    parts = [path.replace(os.sep, "/").split("/") for path in paths]
    shared = len(os.path.commonprefix([names[:-1] for names in parts]))
    return ["/".join(names[shared:]) for names in parts]


def make_manifest(settings, vocabulary, model_sha256, splits):
    """Put a manifest together.

    Args:
        settings: see `make_settings`.
        vocabulary: the `Vocabulary`.
        model_sha256: that of the SentencePiece model, or None.
        splits: dict from names of splits to (sources, shards): dicts with
            `path`, `bytes`, `sha256`, `format`, `documents`, `not_utf8` and
            `tokens`; and what `write_shard` returned.

    Returns:
        A dict that is JSON.
    """
    described = {"file": VOCABULARY_FILE}
    if model_sha256:
        described["model"] = {"file": MODEL_FILE, "sha256": model_sha256}
    return {
        "format_version": MANIFEST_VERSION,
        "settings": settings,
        "tokenizer": "sentencepiece" if model_sha256 else "words",
        "word_rules": word_rules_fingerprint(),
        "vocabulary": {
            **described,
            "size": len(vocabulary),
            "fingerprint": vocabulary.fingerprint,
        },
        "dtype": shard_dtype(len(vocabulary)).name,
        "splits": {
            split: _describe_split(*content)
            for split, content in splits.items()
        },
    }


def _describe_split(sources, shards):
    names = source_names([source["path"] for source in sources])
    tokens = sum(shard["tokens"] for shard in shards)
    unknown = sum(shard["unknown"] for shard in shards)
    return {
        "tokens": tokens,
        "documents": sum(shard["documents"] for shard in shards),
        "unknown": unknown,
        "unknown_share": unknown / tokens,
        "not_utf8": sum(source["not_utf8"] for source in sources),
        "sources": [
            {"name": name, **{k: v for k, v in source.items() if k != "path"}}
            for name, source in zip(names, sources, strict=True)
        ],
        "shards": shards,
    }


def read_manifest(folder):
    """Read the manifest of a prepared corpus.

    Args:
        folder: a `pathlib.Path`.

    Returns:
        The manifest, a dict.

    Raises:
        DataError: if there is none, or if it is damaged or of another
            version.
    """
    path = folder / MANIFEST_FILE
    if not path.is_file():
        raise DataError(
            f"{folder} must be a folder that recipes.prepare_corpus has "
            f"finished. Run it, or run it again to continue. Received: no "
            f"{path}"
        )
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        version = manifest["format_version"]
        if version == MANIFEST_VERSION:
            _check_shape("manifest", manifest, _MANIFEST)
            for split, content in manifest["splits"].items():
                _check_shape(split, content, _SPLIT)
    except (ValueError, TypeError, KeyError) as error:
        raise DataError(
            f"{path} is damaged. {PREPARE_ANEW} Received: {error!r}"
        ) from error
    if version != MANIFEST_VERSION:
        raise DataError(
            f"{path} must have the format version {MANIFEST_VERSION}. Prepare "
            "the corpus anew with this version of ulmfit_keras. Received: "
            f"{version!r}"
        )
    return manifest


def _check_shape(name, value, shape):
    """Raise a `TypeError` or `KeyError` if a value lacks what is read of it.

    Args:
        name: of the value.
        value: what JSON gave.
        shape: a type, a dict of the shapes of its items, or a list of the
            one shape that all its items have.
    """
    kind = shape if isinstance(shape, type) else type(shape)
    if not isinstance(value, kind):
        raise TypeError(f"{name} is {value!r}"[:80])
    if isinstance(shape, dict):
        for key, inner in shape.items():
            _check_shape(key, value[key], inner)
    if isinstance(shape, list):
        if not value:
            raise ValueError(f"{name} is empty")
        for item in value:
            _check_shape(name, item, shape[0])
