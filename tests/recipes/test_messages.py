import pytest
from absl import flags

from recipes import common
from recipes.messages import in_options


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("Name it by `seed`.", "Name it by --seed."),
        ("try seed=3.", "try --seed=3."),
        ("try backend='jax'.", "try --backend=jax."),
        ("try backend=';'.", "try --backend=';'."),
        (r"try backend='\t'.", r"try --backend='\t'."),
        ('take backend="jax"', "take --backend=jax"),
        ("by help=False", "by --nohelp"),
        ("by help=True", "by --help"),
        ("--seed=3 stays", "--seed=3 stays"),
        ("`unknown` and unknown='x'", "`unknown` and unknown='x'"),
        ("pip install a==1.2", "pip install a==1.2"),
        ("", ""),
    ],
)
def test_arguments_become_options(message, expected, monkeypatch):
    monkeypatch.setattr(flags, "FLAGS", {"seed", "backend", "help"})
    assert in_options(message) == expected


def test_a_user_reads_options(capsys):
    with pytest.raises(SystemExit, match="^\nValueError: lower --seed$"):
        with common.user_errors():
            raise ValueError("lower `seed`")
