"""The pretrained language models that recipes begin with."""

import json
import os

from recipes import common


@common.user_errors()
def load_language_models(preset, backward_preset=None):
    """The pretrained language models, one for each direction.

    Args:
        preset: a name or a folder, see `find_preset`.
        backward_preset: another one, whose model reads backwards. Defaults
            to None.

    Returns:
        A list of one or two `AWDLSTMCausalLM`.
    """
    from ulmfit_keras import models
    from ulmfit_keras.models.presets import find_preset

    language_models = []
    for name in filter(None, (preset, backward_preset)):
        _check_task(find_preset(name))
        language_models.append(models.AWDLSTMCausalLM.from_preset(name))
        if language_models[-1].preprocessor is None:
            raise ValueError(
                "A preset must hold the preprocessor, with the vocabulary, "
                "that its language model was saved with. Give the model one "
                f"and save it again. Received: {name}"
            )
    if len(language_models) == 1:
        return language_models
    directions = [model.backbone.backwards for model in language_models]
    if directions != [False, True]:
        raise ValueError(
            "--preset must read forwards and --backward_preset backwards. "
            f"Received: models with backwards={directions}"
        )
    vocabularies = {
        model.preprocessor.tokenizer.vocabulary.fingerprint
        for model in language_models
    }
    if len(vocabularies) > 1:
        raise ValueError(
            "--preset and --backward_preset must have the same vocabulary. "
            f"Received: the fingerprints {sorted(vocabularies)}"
        )
    return language_models


def _check_task(folder):
    """Refuse the preset of another task, whose backbone alone would load.

    Args:
        folder: str, the preset, or a hub handle, which goes unchecked.
    """
    path = os.path.join(folder, "task.json")
    if os.path.isdir(os.path.join(folder, "backward")):
        task = "BidirectionalTextClassifier"
    elif os.path.isfile(path):
        with open(path, encoding="utf-8") as file:
            task = json.load(file)["class_name"]
    else:
        return
    if not task.endswith("CausalLM"):
        raise ValueError(
            "The preset must be that of a language model, such as the "
            "`language_model` that classify_text leaves behind. "
            f"Received: {folder}, which is that of a {task}"
        )
