import gc
import sys

from ulmfit_keras.data import docstrings


def test_docstrings_of_a_module(tmp_path):
    path = tmp_path / "module.py"
    path.write_text(
        '"""Module."""\nx = "no docstring"\nclass A:\n    """Class."""\n'
        "    async def f(self):\n        '''Method.\n\n        More.'''\n"
        "def g():\n    'Function.'\n    '''Not a docstring.'''\n"
        'def h():\n    """"""\n'
    )
    assert docstrings.read_docstrings(path) == [
        "Module.",
        "Class.",
        "Method.\n\nMore.",
        "Function.",
    ]
    assert gc.isenabled()


def test_sources_that_cannot_be_parsed_have_none(tmp_path):
    path = tmp_path / "module.py"
    path.write_bytes(b'"""Old."""\nprint "two"\n')
    assert docstrings.read_docstrings(path) == []
    path.write_bytes(b'"""Nul.\0"""')
    assert docstrings.read_docstrings(path) == []
    path.write_bytes(b'"""Escape \\d."""\n')  # warns when it is compiled
    assert docstrings.read_docstrings(path) == ["Escape \\d."]
    assert gc.isenabled()


def test_roots_are_found_without_an_import():
    sys.modules.pop("sqlite3.dump", None)
    assert (docstrings.source_root("python") / "textwrap.py").is_file()
    assert (docstrings.source_root("numpy") / "__init__.py").is_file()
    assert docstrings.source_root("no_such_package_here") is None


def test_modules_leave_out_tests_and_copies(tmp_path):
    for name in (
        "b.py",
        "a/c.py",
        "a/tests/d.py",
        "_vendor/e.py",
        "test_f.py",
        "g_test.py",
        "h.txt",
    ):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.touch()
    assert docstrings.module_paths(tmp_path) == ["a/c.py", "b.py"]


def test_only_running_text_is_prose():
    docstring = """Do one thing with another one.

Longer text that
goes over lines and ends here.

>>> and_an_example(with_a, b, c, d, e, f).

Parameters
----------
x : array
    What it is, in quite a number of words.

Notes
-----
This is what one should know about it.

```python
code that is long enough to be a paragraph.
```

.. note:: A directive is no text, not even one that is long.

Args:
    x: What it is, in quite a number of words.

y = f(x) for every x is a formula, more or less.
"""
    assert docstrings.prose_paragraphs(docstring) == [
        "Do one thing with another one.",
        "Longer text that goes over lines and ends here.",
        "This is what one should know about it.",
    ]
