"""Callbacks however `fit` may be given them."""

import keras


def callback_list(callbacks):
    """The callbacks in `callbacks`, so that more can be added.

    Args:
        callbacks: a callback, a `keras.callbacks.CallbackList`, any iterable
            of callbacks, also one in another, or None.

    Returns:
        A list of callbacks, in their order.
    """
    if callbacks is None:
        return []
    if isinstance(callbacks, keras.callbacks.CallbackList):
        callbacks = callbacks.callbacks
    if not hasattr(callbacks, "__iter__"):
        return [callbacks]
    return [one for item in callbacks for one in callback_list(item)]
