"""One run at a time in a folder."""

import contextlib
import os
import warnings

try:
    import fcntl
except ImportError:  # on Windows, where runs are not kept apart
    fcntl = None


@contextlib.contextmanager
def only_run(folder):
    """Work in a folder while no other run does; wait for one that does.

    The system lets the folder go with the process that holds it, even if
    that is killed. On a file system without locks, nobody waits.

    Args:
        folder: path of the folder, which must exist.
    """
    if fcntl is None:
        yield
        return
    opened = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            _lock(opened, folder)
        yield
    finally:
        os.close(opened)


def _lock(opened, folder):
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        warnings.warn(
            f"Another run works in {folder}. This one waits for its end.",
            stacklevel=2,
        )
        fcntl.flock(opened, fcntl.LOCK_EX)
