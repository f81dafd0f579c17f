"""Models that TensorFlow trains in several copies."""


def num_replicas(model):
    """How many copies of a model train at the same time.

    TensorFlow's strategies add up the gradients of all, so the loss of each
    must be divided by their number.
    """
    strategy = getattr(model, "distribute_strategy", None)
    return 1 if strategy is None else strategy.num_replicas_in_sync
