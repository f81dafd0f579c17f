"""Writing a folder so that nobody sees half of it."""

import contextlib
import pathlib
import shutil


@contextlib.contextmanager
def replaced_folder(path, mark, kind):
    """A folder to write into, which takes the place of `path` at the end.

    A server may watch `path`. If writing fails, what was there stays.

    Args:
        path: the folder, str or path, with or without an older one there.
        mark: a file that each such folder has; one without it is something
            else and stays, unless it is empty.
        kind: what to call such a folder in an error.

    Yields:
        The folder to write into, a `pathlib.Path`.

    Raises:
        ValueError: if `path` is something else, or the working directory is
            in it.
    """
    check_replaceable(path, mark, kind)
    path = pathlib.Path(path).resolve()  # a link stays one
    partial = path.with_name(f"{path.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
    except BaseException:
        shutil.rmtree(partial)
        raise
    if path.exists():
        shutil.rmtree(path)
    partial.rename(path)


def check_replaceable(path, mark, kind):
    """Raise what `replaced_folder` would, before the work that fills it.

    Args:
        path: see `replaced_folder`.
        mark: see `replaced_folder`.
        kind: see `replaced_folder`.

    Raises:
        ValueError: see `replaced_folder`.
    """
    path = pathlib.Path(path)
    if pathlib.Path.cwd().is_relative_to(path.resolve()):
        raise ValueError(
            "`path` must not be the working directory or a folder above, which "
            "would be lost: name a folder in it. "
            f"Received: path={str(path)!r}"
        )
    if not path.exists() or (path / mark).exists():
        return
    if not path.is_dir() or any(path.iterdir()):
        raise ValueError(
            f"`path` must be a new folder or one with an older {kind}. "
            f"Received: path={str(path)!r}, which is something else"
        )
