"""Models that recipes write: whole, or not at all.

What was there stays until the new one is complete.
"""

import os

from recipes import common

PRESET_CONTENTS = (
    "config.json",
    "metadata.json",
    "model.weights.h5",
    "preprocessor.json",
    "task.json",
    "task.weights.h5",
    "tokenizer.json",
    "assets",
    "SHA256SUMS",
)


@common.user_errors()
def check_preset(path):
    """Find out whether a preset can be written, before training.

    Args:
        path: `pathlib.Path` of its folder.
    """
    from ulmfit_keras.export.replaced_folder import check_replaceable

    check_replaceable(path, PRESET_CONTENTS, "preset")


def save_preset(language_model, path, half_precision=False):
    """Write a language model as a preset.

    Args:
        language_model: an `AWDLSTMCausalLM`.
        path: `pathlib.Path` of the folder.
        half_precision: store the weights in float16.
    """
    from ulmfit_keras import models
    from ulmfit_keras.export.replaced_folder import replaced_folder

    with replaced_folder(path, PRESET_CONTENTS, "preset") as partial:
        language_model.save_to_preset(partial)
        if half_precision:
            models.store_as_float16(partial)


def save_classifier(classifier, path):
    """Write a classifier as a .keras file.

    Args:
        classifier: an `AWDLSTMTextClassifier` or `BidirectionalTextClassifier`.
        path: `pathlib.Path` of the file.
    """
    partial = path.with_name(f"partial.{path.name}")
    try:
        classifier.save(partial)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
