"""The examples of docstrings run, and those of the guides compile."""

import ast
import doctest
import functools
import importlib
import pathlib
import re
import textwrap

import keras
import keras_hub
import numpy as np
import pytest

import ulmfit_keras

ROOT = pathlib.Path(ulmfit_keras.__file__).parents[1]
SOURCES = sorted(ROOT.glob("ulmfit_keras/**/*.py"))
GUIDES = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]
FENCED = re.compile(r"^( *)```python\n(.*?)^\1```", re.MULTILINE | re.DOTALL)


def module_name(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


def fenced_blocks(path):
    """The ```python blocks of a file, without their indentation."""
    text = path.read_text("utf-8")
    return [textwrap.dedent(block) for _, block in FENCED.findall(text)]


def having(sign, paths):
    """Test parameters: the files in which a sign occurs."""
    return [
        pytest.param(path, id=str(path.relative_to(ROOT)))
        for path in paths
        if sign in path.read_text("utf-8")
    ]


def unknown_names(block):
    """What a block takes from this package that is not there."""
    tree = ast.parse(block)
    chains = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            chains |= {f"{node.module}.{name.name}" for name in node.names}
        elif isinstance(node, ast.Attribute):
            chains.add(re.sub(r"^ulmfit\b", "ulmfit_keras", ast.unparse(node)))
    return sorted(
        chain
        for chain in chains
        if re.fullmatch(r"ulmfit_keras(\.\w+)+", chain) and not exists(chain)
    )


def exists(chain):
    package, *names = chain.split(".")
    try:
        functools.reduce(getattr, names, importlib.import_module(package))
    except AttributeError:
        return False
    return True


@pytest.mark.parametrize("path", having(">>> ", SOURCES))
def test_examples_give_what_they_show(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(module_name(path))
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    examples = doctest.DocTestFinder(exclude_empty=True).find(module)
    assert examples
    for example in examples:
        output = []
        runner.run(example, out=output.append)
        assert not runner.failures, "".join(output)


@pytest.mark.parametrize("path", having("```python", [*SOURCES, *GUIDES]))
def test_blocks_compile_and_name_what_exists(path):
    blocks = fenced_blocks(path)
    assert blocks
    for block in blocks:
        compile(block, str(path), "exec")
        assert unknown_names(block) == []


def test_a_name_that_is_not_there_is_found():
    block = "import ulmfit_keras as ulmfit\nulmfit.export.saved(ulmfit.data)"
    assert unknown_names(block) == ["ulmfit_keras.export.saved"]
    block = "from ulmfit_keras.layers import LSTM, WeightDropLSTM"
    assert unknown_names(block) == ["ulmfit_keras.layers.LSTM"]


# KerasHub's `fit` makes a data set, which Keras then cannot shuffle.
@pytest.mark.filterwarnings("ignore:.shuffle=True. was passed:UserWarning")
def test_the_guide_trains_bert_by_its_logits():
    pytest.importorskip("tensorflow", reason="KerasHub's fit makes a tf.data")
    (block,) = (b for b in fenced_blocks(GUIDES[0]) if "bert_classifier" in b)
    ids = np.arange(12, dtype="int32").reshape(4, 3)
    x = {
        "token_ids": ids,
        "segment_ids": np.zeros_like(ids),
        "padding_mask": np.ones_like(ids),
    }
    y = np.array([0, 1, 1, 0])
    backbone = keras_hub.models.BertBackbone(12, 1, 1, 4, 4, dropout=0.0)
    bert = keras_hub.models.BertTextClassifier(backbone, 2, dropout=0.0)
    exec(block, {"bert_classifier": bert, "x": x, "y": y})
    p = keras.ops.softmax(bert.predict(x, verbose=0))
    expected = -np.log(keras.ops.convert_to_numpy(p)[np.arange(4), y]).mean()
    found = bert.evaluate(x, y, verbose=0, return_dict=True)["loss"]
    assert found == pytest.approx(expected, rel=1e-4)
