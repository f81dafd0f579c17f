"""A real task that needs no download: whose documentation is this?"""

import hashlib
import importlib.metadata
import platform
import re
from typing import NamedTuple

from ulmfit_keras.data import docstrings
from ulmfit_keras.data.errors import DataError
from ulmfit_keras.data.tables import TextTable

# In order of preference. The extra "recipes" brings the first six; without
# it there are the first two and the last three.
_PACKAGES = (
    "python",
    "tensorflow",
    "pandas",
    "matplotlib",
    "scipy",
    "sklearn",
    "keras",
    "numpy",
    "keras_hub",
)
_CLASSES = 6
_MIN_CLASSES = 4
_MASK = "library"
_SHINGLE = 5
_LARGEST_SHARED_PART = 0.3
_MIN_WORDS = 20
_ENOUGH_WORDS = 90
_MAX_WORDS = 150

_DISTRIBUTIONS = {"sklearn": "scikit-learn", "keras_hub": "keras-hub"}

# TensorFlow's old copy of Keras would put the same texts into two classes.
_COPIES = ("tensorflow/python/keras/",)

_FORMULA = re.compile(r":math:`[^`]*`|\$[^$]+\$")
_LINK = re.compile(r"\[([^\]]+)\]\s?\(\S*\)|(?:https?://|www\.)\S+")
_ROLE = re.compile(r":[\w:+-]+:`[~!]?\.?([^`<]*?)\s*(?:<[^`>]*>)?`")
_EMPHASIS = re.compile(
    r"`|\*\*|\*(?=\w)|(?<=\w)\*|~(?=[.\w])|(?<![\w.])\.(?=[A-Za-z_])|:(?=:)"
)
# Two letters or more before each dot, which keeps "e.g." whole.
_DOTTED_NAME = re.compile(r"(?<![\w.])(?:[A-Za-z_]\w+\.)+([A-Za-z_]\w*)")
_PACKAGE_NAME = re.compile(
    r"\b\w*(?:tensor_?flow|keras|pandas|matplotlib|pyplot|pylab|scipy|numpy"
    r"|numeric|scikit|sklearn|python)\w*(?:-(?:learn|hub|nlp)\b)?"
    r"|\b(?:tf\d?|tf_\w+|tflite|np|pd|plt|mpl\w*|sp)\b",
    re.IGNORECASE,
)


class Passages(NamedTuple):
    """The splits of the built-in task, each a `TextTable`."""

    train: TextTable
    valid: TextTable
    test: TextTable
    unlabeled: TextTable


def builtin_passages(
    train_size=420, valid_size=60, test_size=120, per_module=15
):
    """Passages of documentation, to be told by the package they are from.

    The texts are the running prose of the docstrings of Python's standard
    library and of packages that are installed with this one. Names of
    packages, their usual short names (np, tf, …) and the dotted paths of
    identifiers are masked. Six packages are the classes (fewer where not
    all are installed, but at least four).

    A module is in one split only, and no passage shares more than 30 % of
    its runs of five words with those before it, in whatever split. The same
    versions of the packages give the same passages.

    Args:
        train_size: labelled training passages of each class.
        valid_size: validation passages of each class.
        test_size: test passages of each class.
        per_module: passages that one module gives at most, so that no
            large module makes up a class.

    Returns:
        A named tuple of `TextTable`: `train`, `valid` and `test` with the
        package as label and the module as name of a row, and `unlabeled`
        with what the training modules hold beyond `per_module`, for
        language-model fine-tuning.

    Raises:
        DataError: if fewer than four of the packages are installed.

    Example:

    ```python
    sorted(set(builtin_passages().train.labels))[:3]
    # ["matplotlib", "pandas", "python"]
    ```
    """
    roots = {name: docstrings.source_root(name) for name in _PACKAGES}
    packages = [name for name in _PACKAGES if roots[name]][:_CLASSES]
    if len(packages) < _MIN_CLASSES:
        raise DataError(
            f"The built-in task needs {_MIN_CLASSES} of the packages "
            f"{_PACKAGES}. Install the package with its extra: "
            f'pip install "ulmfit_keras[recipes]". Received: {packages}'
        )
    sizes = {"test": test_size, "valid": valid_size, "train": train_size}
    parts = {name: ([], [], []) for name in Passages._fields}
    seen = set()
    for package in packages:
        taken = dict.fromkeys(sizes, 0)
        for module in _shuffled(package, roots[package]):
            split = next((s for s in sizes if taken[s] < sizes[s]), None)
            if split is None:
                break
            passages = _unseen(_passages(roots[package] / module), seen)
            for number, passage in enumerate(passages):
                part = split if taken[split] < sizes[split] else None
                if number >= per_module or part is None:
                    part = "unlabeled" if split == "train" else None
                if part is None:
                    break
                if part != "unlabeled":
                    taken[part] += 1
                texts, labels, rows = parts[part]
                texts.append(passage)
                labels.append(package)
                rows.append(f"{package}/{module}")
    source = "docstrings of " + ", ".join(map(_with_version, packages))
    return Passages(
        **{
            name: TextTable(
                texts,
                None if name == "unlabeled" else labels,
                source,
                rows=rows,
            )
            for name, (texts, labels, rows) in parts.items()
        }
    )


def mask_names(text):
    """Remove the mark-up of a text and the names that tell its package.

    Args:
        text: str, a paragraph of a docstring.

    Returns:
        str. Names of packages become the word "library", dotted names their
        last part.

    Example:

    >>> mask_names("Like :func:`numpy.sum`, but for `tf.Tensor` in Keras.")
    'Like sum, but for Tensor in library.'
    """
    text = _FORMULA.sub("formula", text)
    text = _LINK.sub(r"\1", text)
    text = _ROLE.sub(r"\1", text)
    text = _EMPHASIS.sub("", text)
    text = _DOTTED_NAME.sub(r"\1", text)
    text = _PACKAGE_NAME.sub(_MASK, text)
    return " ".join(text.split())


def _shuffled(package, root):
    """The modules of a package in an order that depends on names only."""
    modules = [
        module
        for module in docstrings.module_paths(root)
        if not f"{package}/{module}".startswith(_COPIES)
    ]
    return sorted(
        modules,
        key=lambda m: hashlib.sha256(f"{package}/{m}".encode()).digest(),
    )


def _passages(path):
    """Yield texts of 20 to 150 words, each from one docstring."""
    for docstring in docstrings.read_docstrings(path):
        paragraphs, count = [], 0
        for paragraph in docstrings.prose_paragraphs(docstring):
            paragraphs.append(paragraph)
            count += len(paragraph.split())
            if count >= _ENOUGH_WORDS:
                yield from _passage(paragraphs)
                paragraphs, count = [], 0
        if count >= _MIN_WORDS:
            yield from _passage(paragraphs)


def _passage(paragraphs):
    words = mask_names("\n".join(paragraphs)).split()
    if len(words) >= _MIN_WORDS:
        yield " ".join(words[:_MAX_WORDS])


def _unseen(passages, seen):
    """Yield the passages that are not, nearly, in `seen`; add them to it."""
    for passage in passages:
        words = passage.lower().split()
        shingles = {
            " ".join(words[i : i + _SHINGLE])
            for i in range(len(words) - _SHINGLE + 1)
        }
        if len(shingles & seen) <= _LARGEST_SHARED_PART * len(shingles):
            seen |= shingles
            yield passage


def _with_version(package):
    if package == "python":
        return f"python {platform.python_version()}"
    name = _DISTRIBUTIONS.get(package, package)
    try:
        return f"{package} {importlib.metadata.version(name)}"
    except importlib.metadata.PackageNotFoundError:
        return package  # built under another name, as tensorflow-cpu is
