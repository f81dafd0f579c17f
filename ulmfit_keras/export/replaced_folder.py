"""Writing a folder so that nobody sees half of it."""

import contextlib
import pathlib
import shutil

from ulmfit_keras.folder_lock import only_run


@contextlib.contextmanager
def replaced_folder(path, contents, kind):
    """A folder to write into, which takes the place of `path` at the end.

    A server may watch `path`. If writing fails, what was there stays.

    Args:
        path: the folder, str or path, with or without an older one there.
        contents: names of all that such a folder may hold, of which it
            always holds the first. One with something else in it stays.
        kind: what to call such a folder in an error.

    Yields:
        The folder to write into, a `pathlib.Path`.

    Raises:
        ValueError: if `path` is something else, or the working directory is
            in it.
        OSError: if another process is writing there.
    """
    check_replaceable(path, contents, kind)
    path = pathlib.Path(path).resolve()  # a link stays one
    partial = path.with_name(f"{path.name}.partial")
    partial.mkdir(parents=True, exist_ok=True)
    with only_run(partial, wait=False):
        _empty(partial)  # what a process left that was killed
        try:
            yield partial
        except BaseException:
            shutil.rmtree(partial)
            raise
        if path.exists():
            shutil.rmtree(path)
        partial.rename(path)


def _empty(folder):
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def check_replaceable(path, contents, kind):
    """Raise what `replaced_folder` would, before the work that fills it.

    Args:
        path: see `replaced_folder`.
        contents: see `replaced_folder`.
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
    if not path.exists():
        return
    received = "which is a file"
    if path.is_dir():
        found = {entry.name for entry in path.iterdir()}
        if not found or (contents[0] in found and found <= set(contents)):
            return
        others = sorted(found - set(contents)) or [f"no {contents[0]}"]
        received = f"which holds {', '.join(others[:5])}"
    raise ValueError(
        f"`path` must be a new folder or one with an older {kind}, and nothing "
        f"besides, which would be lost. Received: path={str(path)!r}, "
        f"{received}"
    )
