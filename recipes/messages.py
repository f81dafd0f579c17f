"""What the package says of its arguments, in the words of a command line."""

import re
import shlex

from absl import flags

_ARGUMENT = re.compile(
    r"""`(\w+)`|(?<![\w-])(\w+)=('[^']*'|"[^"]*"|[\w.+-]+)"""
)


def in_options(message):
    """A message with the recipe's options in the place of arguments.

    Args:
        message: str. `text_column` in backticks becomes --text_column, and
            delimiter=';' --delimiter=';', quoted as a shell wants it. What is
            no option of the recipe stays.

    Returns:
        str.
    """
    return _ARGUMENT.sub(_option, message)


def _option(match):
    name = match[1] or match[2]
    if name not in flags.FLAGS:
        return match[0]
    value = match[3]
    if value is None:
        return f"--{name}"
    if value in ("True", "False"):
        return f"--{'no' if value == 'False' else ''}{name}"
    if value[0] in "'\"":
        value = shlex.quote(value[1:-1])
    return f"--{name}={value}"
