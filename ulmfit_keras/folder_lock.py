"""One run at a time in a folder."""

import contextlib
import os
import warnings

try:
    import fcntl
except ImportError:  # on Windows, where runs are not kept apart
    fcntl = None


@contextlib.contextmanager
def only_run(folder, wait=True):
    """Work in a folder while no other run does.

    The system lets the folder go with the process that holds it, even if
    that is killed. On a file system without locks, runs are not kept apart.

    Args:
        folder: path of the folder, which must exist.
        wait: wait for the end of another run. Defaults to True.

    Raises:
        OSError: if another run works there and `wait` is False.
    """
    if fcntl is None:
        yield
        return
    opened = os.open(folder, os.O_RDONLY)
    try:
        _lock(opened, folder, wait)
        yield
    finally:
        os.close(opened)


def _lock(opened, folder, wait):
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        if not wait:
            raise OSError(
                f"Another run works in {folder}: wait for its end, or name "
                f"another folder. Received: {folder}"
            ) from error
        warnings.warn(
            f"Another run works in {folder}. This one waits for its end.",
            stacklevel=2,
        )
        fcntl.flock(opened, fcntl.LOCK_EX)
    except OSError:
        pass  # there are no locks here
