"""The prose of the docstrings of installed packages, read from source.

Sources are parsed, never imported: that is fast and runs nobody's code.
"""

import ast
import contextlib
import gc
import importlib.machinery
import pathlib
import re
import sysconfig
import warnings

# Tests, and copies of other projects' code.
_LEFT_OUT = frozenset(
    (
        "site-packages",
        "dist-packages",
        "test",
        "tests",
        "idlelib",
        "lib2to3",
        "ensurepip",
        "externals",
        "extern",
        "third_party",
        "_vendor",
        "_vendored",
        "vendored",
    )
)
_DEFINITIONS = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
_CODE_BLOCK = re.compile(r"^(```|~~~).*?(?:^\1|\Z)", re.MULTILINE | re.DOTALL)
_BLANK_LINES = re.compile(r"\n[ \t]*\n")
_RULERS = frozenset("-=~^")
_NOT_PROSE = (">>>", "..", "#", "|", "+", "-", "*", ":")
_ENDS_OF_SENTENCES = (".", ":", "!", "?", ")")
_MIN_WORDS = 6


def source_root(package):
    """The folder of the sources of a package, or None if it is not installed.

    Args:
        package: name of a top-level package; `"python"` is the standard
            library.

    Returns:
        A `pathlib.Path` or None.
    """
    if package == "python":
        return pathlib.Path(sysconfig.get_path("stdlib"))
    spec = importlib.machinery.PathFinder.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    return pathlib.Path(next(iter(spec.submodule_search_locations)))


def module_paths(root):
    """The modules below a folder, without tests and vendored code.

    Args:
        root: a `pathlib.Path`.

    Returns:
        A sorted list of paths relative to `root`, as str with `/`.
    """
    paths = (path.relative_to(root) for path in root.rglob("*.py"))
    return sorted(
        path.as_posix()
        for path in paths
        if not _LEFT_OUT.intersection(path.parts)
        and not path.stem.startswith("test_")
        and not path.stem.endswith("_test")
    )


def read_docstrings(path):
    """The docstrings of a module, its classes and its functions.

    Args:
        path: path of a Python source file.

    Returns:
        A list of str with the indentation removed; empty for a file that
        this version of Python cannot parse.
    """
    source = pathlib.Path(path).read_bytes()
    try:
        with warnings.catch_warnings(), _no_garbage_collection():
            warnings.simplefilter("ignore")  # about escapes in their code
            tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return []
    found = map(ast.get_docstring, _definitions(tree))
    return [docstring for docstring in found if docstring]


@contextlib.contextmanager
def _no_garbage_collection():
    # A syntax tree has no cycles, and looking for them while it grows makes
    # parsing 2.6 times slower.
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _definitions(node):
    """Yield a module, class or function and those right inside it."""
    yield node
    for child in node.body:
        if isinstance(child, _DEFINITIONS):
            yield from _definitions(child)


def prose_paragraphs(docstring):
    """The paragraphs of a docstring that are running text.

    Code, examples, tables, lists, formulas, directives and the sections that
    describe arguments are left out: their form would give away whose style
    a docstring is written in.

    Args:
        docstring: str with its indentation removed.

    Returns:
        A list of str without line breaks.
    """
    paragraphs = []
    for block in _BLANK_LINES.split(_CODE_BLOCK.sub("", docstring)):
        lines = block.strip("\n").split("\n")
        if any(line[:1].isspace() for line in lines):
            continue
        if len(lines) > 2 and lines[1] and _RULERS.issuperset(lines[1]):
            lines = lines[2:]  # a heading and its underline
        text = " ".join(lines).strip()
        if (
            len(text.split()) >= _MIN_WORDS
            and text.endswith(_ENDS_OF_SENTENCES)
            and not text.startswith(_NOT_PROSE)
            and not any(mark in text for mark in ("->", "\\", "%(", " = "))
        ):
            paragraphs.append(text)
    return paragraphs
