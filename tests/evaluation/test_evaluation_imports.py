"""Looking at results needs no backend, and importing needs no extras."""

import ast
import pathlib
import sys

import pytest

from ulmfit_keras import evaluation

FILES = sorted(pathlib.Path(evaluation.__file__).parent.glob("*.py"))
LIGHT = {"numpy", "ulmfit_keras"}
ON_USE = LIGHT | {"matplotlib", "scipy", "sklearn"}


def _imported(nodes):
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            yield node.module.split(".")[0]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_imports(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    known = set(sys.stdlib_module_names)
    assert set(_imported(tree.body)) <= LIGHT | known
    assert set(_imported(ast.walk(tree))) <= ON_USE | known
