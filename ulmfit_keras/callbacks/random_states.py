"""The random states that no variable of a model holds."""

import keras


def torch_random_states():
    """States of torch's own generators, from which Keras' dropout draws there.

    Elsewhere the model's variables hold all random states.

    Returns:
        A list of texts, empty with other backends.
    """
    if keras.backend.backend() != "torch":
        return []
    import torch

    states = [torch.get_rng_state(), *torch.cuda.get_rng_state_all()]
    return [state.numpy().tobytes().hex() for state in states]


def set_torch_random_states(states):
    """Put torch's generators back to earlier states.

    Args:
        states: what `torch_random_states` returned.
    """
    if not states:
        return
    import torch

    states = [
        torch.frombuffer(bytearray.fromhex(state), dtype=torch.uint8)
        for state in states
    ]
    torch.set_rng_state(states[0])
    torch.cuda.set_rng_state_all(states[1:])
