"""A folder that holds the state of a training run, through any crash."""

import json
import os
import pathlib
import warnings

import numpy as np

from ulmfit_keras.checksums import file_sha256

_INDEX = "checkpoints.json"


class CheckpointFolder:
    """Keeps the two latest checkpoints, each with its checksum.

    A checkpoint is written beside the others under a new name, and counts
    only once the index, replaced in one step, names it. A crash or a full
    disk at any moment leaves the earlier checkpoints as they were.

    Args:
        path: the folder, made when first written to.
    """

    def __init__(self, path):
        self.path = pathlib.Path(path)

    def save(self, number, arrays, metadata):
        """Adds a checkpoint and drops all but the one before it.

        Args:
            number: int, part of the file's name.
            arrays: list of numpy arrays.
            metadata: what JSON can hold.

        Raises:
            OSError: if it cannot be written; nothing is changed then.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        index = self._index()
        name = f"checkpoint-{number}.npz"

        def write(file):
            named = {str(i): array for i, array in enumerate(arrays)}
            np.savez(file, metadata=np.array(json.dumps(metadata)), **named)

        self._write(name, write)
        entry = {"file": name, "sha256": file_sha256(self.path / name)}
        kept = [entry] + [old for old in index if old["file"] != name][:1]
        text = json.dumps(kept, indent=1)
        self._write(_INDEX, lambda file: file.write(text.encode()))
        self._remove_all_but({_INDEX, *(entry["file"] for entry in kept)})

    def load(self):
        """The latest checkpoint that is whole.

        Returns:
            (arrays, metadata) as they were saved, or None if nothing was.

        Raises:
            ValueError: if there are checkpoints and none is whole, or their
                list is damaged.
        """
        index = self._index()
        for entry in index:
            path = self.path / entry["file"]
            if path.is_file() and file_sha256(path) == entry["sha256"]:
                with np.load(path, allow_pickle=False) as file:
                    metadata = json.loads(str(file["metadata"]))
                    arrays = [file[str(i)] for i in range(len(file.files) - 1)]
                return arrays, metadata
            warnings.warn(
                f"The checkpoint {path} is damaged or missing; trying the "
                "one before it.",
                stacklevel=2,
            )
        if index:
            raise ValueError(
                "No checkpoint in the folder is whole. Remove the folder to "
                f"start again. Received: path={self.path}"
            )
        return None

    def clear(self):
        """Removes the checkpoints, and the folder if nothing else is in it."""
        self._remove_all_but(())
        if self.path.is_dir() and not any(self.path.iterdir()):
            self.path.rmdir()

    def _remove_all_but(self, names):
        # Partial files are left by a run that was killed while writing.
        for pattern in (_INDEX, "checkpoint-*.npz", "*.partial"):
            for file in self.path.glob(pattern):
                if file.name not in names:
                    file.unlink()

    def _index(self):
        path = self.path / _INDEX
        if not path.is_file():
            return []
        try:
            return json.loads(path.read_bytes())
        except ValueError as error:
            raise ValueError(
                "The list of checkpoints is damaged. Remove the folder to "
                f"start again. Received: path={path}"
            ) from error

    def _write(self, name, write):
        """Writes a file that appears under its name only when complete."""
        partial = self.path / f"{name}.{os.getpid()}.partial"
        try:
            with open(partial, "wb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(partial, self.path / name)
        finally:
            partial.unlink(missing_ok=True)
