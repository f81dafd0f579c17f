"""The Python environment that has fastai, which may be another one."""

import sys

from absl import flags

from recipes import common
from recipes import processes

FLAGS = flags.FLAGS
flags.DEFINE_string(
    "fastai_python",
    sys.executable,
    "Python of the environment that has fastai. Defaults to this one.",
)


@common.user_errors()
def versions():
    """The versions of fastai and torch that are to be compared with.

    Raises:
        ImportError: if --fastai_python has them not.
    """
    look_up = (
        "import importlib.metadata, json\n"
        "print(json.dumps({name: importlib.metadata.version(name) "
        "for name in ('fastai', 'torch')}))"
    )
    try:
        return processes.run([FLAGS.fastai_python, "-c", look_up])
    except (OSError, RuntimeError) as error:
        raise ImportError(
            "The other side of the comparison must be installed: `pip "
            'install -e ".[fastai]"`, or give the Python of an environment '
            "that has fastai as --fastai_python. "
            f"Received: --fastai_python={FLAGS.fastai_python}"
        ) from error


def command(*arguments):
    """The command that runs that Python."""
    return [FLAGS.fastai_python, *arguments]
