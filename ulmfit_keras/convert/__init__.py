"""Models of fastai and awd-lstm-lm, read without running their code."""

from ulmfit_keras.convert.errors import CheckpointError
from ulmfit_keras.convert.itos import read_itos
from ulmfit_keras.convert.language_models import read_language_model
from ulmfit_keras.convert.language_models import write_fastai
from ulmfit_keras.convert.state_dicts import read_state_dict
from ulmfit_keras.convert.text_classifiers import read_text_classifier

__all__ = [
    "CheckpointError",
    "read_itos",
    "read_language_model",
    "read_state_dict",
    "read_text_classifier",
    "write_fastai",
]
