"""State dicts and models that `torch.save` wrote, read without torch."""

import contextlib

from ulmfit_keras.convert.errors import CheckpointError
from ulmfit_keras.convert.module_records import module_tensors
from ulmfit_keras.convert.stand_ins import Record
from ulmfit_keras.convert.tensor_records import Tensor
from ulmfit_keras.convert.torch_files import open_torch_file

_ADVICE = (
    "Besides awd-lstm-lm's own classes no model can be read: save a state "
    "dict, `torch.save(model.state_dict(), path)`, where its code is at hand."
)


def read_state_dict(path):
    """Read the weights in a file of torch, without torch.

    Args:
        path: of a file that `torch.save` wrote, in its present or its older
            format: a state dict, or a dict with one under `"model"`, as
            fastai's `Learner.save` writes; or awd-lstm-lm's
            `[model, criterion, optimizer]` or model, whose classes are not
            run.

    Returns:
        A dict from names to NumPy arrays of the types in the file (bfloat16
        as float32), in the order of the file. Of a model it is the state
        dict, with the weights of a criterion under `criterion.`.

    Raises:
        CheckpointError: if the file holds anything besides these, such as
            another pickled model, or is damaged.
        OSError: if it cannot be opened.

    Example:

    ```python
    list(read_state_dict("wt103-fwd.pth"))[0]  # "0.encoder.weight"
    ```
    """
    with contextlib.closing(open_torch_file(path, _ADVICE)) as file:
        tensors = _state_dict(file)
        if not (
            isinstance(tensors, dict)
            and tensors
            and all(
                isinstance(name, str) and isinstance(tensor, Tensor)
                for name, tensor in tensors.items()
            )
        ):
            raise CheckpointError(
                "A file of weights must hold a dict from names to tensors, or "
                f'one under "model". {_ADVICE} Received: {path}, which holds '
                f"a {type(tensors).__name__}"
            )
        return {name: file.array(tensor) for name, tensor in tensors.items()}


def _state_dict(file):
    content = file.content
    if isinstance(content, dict) and "model" in content:
        content = content["model"]
    saved = content if isinstance(content, (list, tuple)) else [content]
    modules = {
        prefix: record
        for prefix, record in zip(("", "criterion."), saved, strict=False)
        if isinstance(record, Record) and "_modules" in record.attributes
    }
    if "" not in modules:
        return content
    try:
        return module_tensors(modules, file.size)
    except (TypeError, ValueError) as error:
        raise file.damaged(f"with {error!s:.200}") from error
