"""Presets of half the size on disk."""

import pathlib

from ulmfit_keras.models.presets import write_checksums


def store_as_float16(preset_dir):
    """Rewrite the weights of a saved preset as float16.

    The preset loads as before, in the dtype of its configuration: weights
    are cast when they are assigned. They are rounded to 11 bits, which is
    far below what training noise moves them.

    Args:
        preset_dir: path of a preset folder, as `save_to_preset` wrote it.

    Raises:
        ValueError: if a weight does not fit float16.

    Example:

    ```python
    language_model.save_to_preset("pretrained")
    store_as_float16("pretrained")
    ```
    """
    import h5py
    import numpy as np

    def copy(source, target):
        for name, item in source.items():
            if isinstance(item, h5py.Group):
                copy(item, target.create_group(name))
                continue
            values = np.asarray(item)
            if values.dtype == np.float32:
                if np.abs(values).max(initial=0) > np.finfo(np.float16).max:
                    raise ValueError(
                        "Weights must lie in the range of float16 to be "
                        f"stored in it. Received: {item.name} with a value "
                        f"of size {np.abs(values).max()}"
                    )
                values = values.astype(np.float16)
            target.create_dataset(name, data=values)
            target[name].attrs.update(item.attrs)
        target.attrs.update(source.attrs)

    for path in pathlib.Path(preset_dir).rglob("*.weights.h5"):
        smaller = path.with_suffix(".smaller")
        with h5py.File(path) as source, h5py.File(smaller, "w") as target:
            copy(source, target)
        smaller.replace(path)
    write_checksums(preset_dir)
