"""The variables of an optimizer, before the first step makes them."""


def build_optimizer(model):
    """Makes the optimizer's variables where Keras leaves them to a step.

    TensorFlow does so, and there a model may have no variables yet, either:
    the optimizer would be built on none, and refuse those that come.

    Args:
        model: compiled `keras.Model`.

    Raises:
        ValueError: if the model is not built.
    """
    if not model.built:
        raise ValueError(
            "The model must be built before `fit`, since the variables of it "
            "and its optimizer are kept: call it on a batch, or "
            f"`model.build`. Received: {model!r}, which is not"
        )
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
