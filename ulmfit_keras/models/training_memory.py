"""How much memory a language model takes in training, and what saves some."""

import contextlib

_ADVICE = (
    "Memory ran out while training a language model. Three ways out: "
    "StreamLanguageModel(chunk_size=128) computes the same softmax for 128 "
    "tokens at a time, num_sampled=2048 trains on 2,048 words at a time, and "
    "a TokenStream with fewer rows (batch_size) or shorter windows (bptt) "
    "takes less of everything. Load the model anew before: a step that broke "
    "off may have taken its weights along, as it does on JAX."
)
_MESSAGES = (
    "RESOURCE_EXHAUSTED",  # JAX on a GPU
    "Out of memory allocating",  # JAX on a CPU
    "OOM when allocating",  # TensorFlow
    "can't allocate memory",  # torch on a CPU
    "CUDA out of memory",  # torch on a GPU
)


def training_memory(
    language_model, batch_size, num_steps, num_sampled=None, chunk_size=None
):
    """Estimate the memory of a training step with Adam.

    Counted is what must exist at the same time: weights, their gradients,
    Adam's two slots and the copies that DropConnect and casting make; what
    each LSTM keeps for its backward pass; logits, their softmax and its
    gradient. The libraries themselves take 0.5 to 1 GiB more.

    Args:
        language_model: an `AWDLSTMCausalLM`.
        batch_size: rows of the stream.
        num_steps: tokens of a window.
        num_sampled: as in `StreamLanguageModel`.
        chunk_size: int, tokens in a chunk of the softmax. Defaults to None,
            all of them.

    Returns:
        A dict of bytes: `weights`, `activations`, `logits`.

    Example:

    ```python
    parts = training_memory(language_model, batch_size=64, num_steps=70)
    print(f"{sum(parts.values()) / 2**30:.1f} GiB")
    ```
    """
    backbone = language_model.backbone
    size = 4 if backbone.compute_dtype == "float32" else 2
    num_tokens = batch_size * num_steps
    parameters = language_model.count_params()
    features, kept = backbone.embedding_dim, 0
    for units in backbone.units:
        # The input dropped and not, projections, gates and their gradients,
        # both states.
        kept += 2 * features + 14 * units
        features = units
    words = num_sampled or backbone.vocabulary_size
    rows = num_tokens
    if chunk_size and not num_sampled:
        rows = min(rows, chunk_size)
    return {
        "weights": parameters * (4 * 4 + size),
        "activations": num_tokens * (kept + features) * size,
        "logits": rows * words * (2 * 4 + size),
    }


@contextlib.contextmanager
def out_of_memory_advice(description):
    """Add ways out to the errors that say that memory ran out.

    Args:
        description: str, what was to be trained.

    Raises:
        MemoryError: in place of the backend's error, which is its cause.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, MemoryError) or any(
            message in str(error) for message in _MESSAGES
        ):
            raise MemoryError(f"{_ADVICE} Received: {description}") from error
        raise
