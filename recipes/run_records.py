"""What runs were started with, so that none is taken for another."""

import json
import sys

from absl import flags

from recipes import common
from recipes import processes

FLAGS = flags.FLAGS


def recipe_options(but=()):
    """The options of the recipe that runs, a dict from names to values.

    Args:
        but: names of options to leave out.
    """
    return {
        flag.name: flag.value
        for flag in FLAGS.get_key_flags_for_module(sys.argv[0])
        if flag.name not in but
    }


def check_same_options(kept, given, source):
    """Refuse to go on from, or to report, a run with other options.

    Args:
        kept: dict, the options of that run; empty where they are not known.
        given: dict, those of this one.
        source: path of the file or folder of that run.

    Raises:
        ValueError: if an option differs, with its name.
    """
    changed = [name for name in kept if kept[name] != given.get(name)]
    changed += [name for name in given if kept and name not in kept]
    if changed:
        listed = ", ".join(
            f"--{name}={given.get(name)} in place of {kept.get(name)}"
            for name in changed
        )
        raise ValueError(
            f"{source} is of a run with other options. Give the same ones to "
            "go on from it, choose another --output_dir, or delete it. "
            f"Received: {listed}"
        )


def check_kept(path, options):
    """`check_same_options` for a file that `kept` wrote, if it is there.

    Args:
        path: `pathlib.Path`, the file.
        options: dict, those of this run.

    Raises:
        ValueError: if an option differs, with its name.
    """
    if path.exists():
        found = json.loads(path.read_text(encoding="utf-8"))
        check_same_options(found.get("options", {}), options, path)


def kept(path, function, options):
    """As `processes.kept`, for a run with options, which are kept, too.

    Args:
        path: `pathlib.Path`, the file.
        function: called without arguments if it is not there; returns a dict.
        options: dict, those that decide on what is found.
    """
    with common.user_errors():
        check_kept(path, options)
    return processes.kept(path, lambda: {**function(), "options": options})
