"""Make a compiled model look at its Python attributes again."""


def retrace(model):
    """Has the training function of a compiled model traced anew.

    What a training function reads from Python attributes, such as which
    groups are frozen, is fixed when it is traced.

    Args:
        model: compiled `keras.Model`.
    """
    train_step = model.train_step
    own = "train_step" in vars(model)
    # `jax.jit` finds earlier traces by the function it is given, as long as
    # someone holds the earlier result, and bound methods of one object are
    # equal. A new function has no earlier trace.
    model.train_step = lambda *args: train_step(*args)
    try:
        model.make_train_function(force=True)
    finally:
        if own:
            model.train_step = train_step
        else:
            del model.train_step
