"""Runs recipes as `python -m` does, but all of them in one process.

Importing the libraries takes longer than a recipe on a few rows. Reads one
JSON list, the recipe's name and its arguments, a line of stdin, and answers
with one, [exit code, stdout, stderr].
"""

import contextlib
import io
import json
import os
import runpy
import sys
import traceback

from absl import app
from absl import flags

app.define_help_flags()
OTHER_FLAGS = frozenset(flags.FLAGS)


def run(recipe, *arguments):
    for name in set(flags.FLAGS) - OTHER_FLAGS:
        delattr(flags.FLAGS, name)
    for name in list(sys.modules):
        if name.split(".")[0] == "recipes":
            del sys.modules[name]
    sys.argv = [recipe, *arguments]
    code, stdout, stderr = 0, io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
        try:
            runpy.run_module(f"recipes.{recipe}", None, "__main__", True)
        except SystemExit as error:
            # As Python's own interpreter does.
            code = error.code
            if isinstance(code, str):
                print(code, file=sys.stderr)
                code = 1
        except BaseException:
            traceback.print_exc()
            code = 1
    return code or 0, stdout.getvalue(), stderr.getvalue()


def main():
    # What libraries print past Python must not get between the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        print(json.dumps(run(*json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    main()
