"""Where presets are found, and how their files are checked."""

import json
import os
import pathlib
import re

import keras

from ulmfit_keras.checksums import file_sha256

PRESETS_DIR = pathlib.Path(__file__).parents[2] / "saved_models"
CHECKSUMS_FILE = "SHA256SUMS"
# `sha256sum -b` has the asterisk.
_CHECKSUM = re.compile("([0-9a-f]{64}) [ *](.+)")
_REMEDY = (
    "It was damaged or changed; get the preset again, or delete "
    f"{CHECKSUMS_FILE} if you changed it."
)


def find_preset(preset):
    """The folder of a preset, its files checked.

    Args:
        preset: a folder, the name of one in this project's `saved_models`,
            or a handle with a scheme (`"hf://…"`), which KerasHub fetches.

    Returns:
        str, the folder, or the handle as it was.

    Raises:
        ValueError: if there is no such preset, or a file in it is not the
            one that was saved.
    """
    preset = str(preset)
    if "://" in preset:
        return preset
    for folder in (preset, PRESETS_DIR / preset):
        if os.path.isdir(folder):
            check_files(folder)
            return str(folder)
    names = sorted(p.parent.name for p in PRESETS_DIR.glob("*/config.json"))
    raise ValueError(
        f"`preset` must be a folder, one of the names {names}, or a handle "
        f"such as 'hf://user/name'. Received: preset={preset!r}"
    )


def write_checksums(folder):
    """Write the SHA-256 of all files in a folder to its `SHA256SUMS`.

    The file has the format of the command `sha256sum`.

    Args:
        folder: path of the folder.
    """
    folder = pathlib.Path(folder)
    lines = [
        f"{file_sha256(path)}  {path.relative_to(folder).as_posix()}\n"
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != CHECKSUMS_FILE
    ]
    (folder / CHECKSUMS_FILE).write_text("".join(lines), encoding="utf-8")


def check_files(folder):
    """Compare the files of a folder with its `SHA256SUMS`, if it has one.

    Args:
        folder: path of the folder.

    Raises:
        ValueError: if a file is missing or differs, or if `SHA256SUMS` is
            not what `sha256sum` writes.
    """
    sums = pathlib.Path(folder) / CHECKSUMS_FILE
    if not sums.exists():
        return
    for expected, name in _read_checksums(sums):
        path = sums.parent / name
        found = file_sha256(path) if path.is_file() else "no file"
        if found != expected:
            raise ValueError(
                f"{path} must have the SHA-256 {expected} that {sums} names. "
                f"{_REMEDY} Received: {found}"
            )


def _read_checksums(sums):
    """The (SHA-256, name) of the files that a `SHA256SUMS` names."""
    found = []
    text = sums.read_text(encoding="utf-8", errors="replace")
    for number, line in enumerate(text.splitlines(), 1):
        match = _CHECKSUM.fullmatch(line)
        if match:
            found.append(match.groups())
        elif line.strip():
            raise ValueError(
                f"Line {number} of {sums} must be a SHA-256 and the name of a "
                f"file, as sha256sum writes them. {_REMEDY} "
                f"Received: {line[:80]!r}"
            )
    if not found:
        raise ValueError(
            f"{sums} must name the files of the preset. {_REMEDY} "
            "Received: no line"
        )
    return found


def _name_dtype_of_weights(folder):
    """Write the weights' dtype into a preset's files for a mixed policy.

    KerasHub loads presets of a plain float dtype in the policy of the moment,
    and those of mixed precision not at all.
    """

    def renamed(value):
        if isinstance(value, list):
            return [renamed(item) for item in value]
        if not isinstance(value, dict):
            return value
        name = (value.get("config") or {}).get("name")
        if value.get("class_name") == "DTypePolicy":
            weights = keras.DTypePolicy(name).variable_dtype
            return {**value, "config": {"name": weights}}
        return {key: renamed(item) for key, item in value.items()}

    for path in pathlib.Path(folder).glob("*.json"):
        content = renamed(json.loads(path.read_text(encoding="utf-8")))
        path.write_text(json.dumps(content, indent=4), encoding="utf-8")


class PresetMixin:
    """Adds this project's presets and checksums to a KerasHub class."""

    @classmethod
    def from_preset(cls, preset, *args, **kwargs):
        """Load from a preset.

        Args:
            preset: a folder, a name in `saved_models`, or a hub handle; see
                `find_preset`.
            *args: see the KerasHub class.
            **kwargs: see the KerasHub class.

        Returns:
            An object of this class.
        """
        return super().from_preset(find_preset(preset), *args, **kwargs)

    def save_to_preset(self, preset_dir, **kwargs):
        """Save into a preset folder, with the checksums of all its files.

        The weights' dtype is kept, not the policy they were trained in.

        Args:
            preset_dir: path of the folder.
            **kwargs: see the KerasHub class.
        """
        super().save_to_preset(preset_dir, **kwargs)
        _name_dtype_of_weights(preset_dir)
        write_checksums(preset_dir)
