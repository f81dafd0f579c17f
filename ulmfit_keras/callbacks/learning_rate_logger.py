"""Put the learning rate into the logs of every epoch."""

import keras


class LearningRateLogger(keras.callbacks.Callback):
    """Log the optimizer's learning rate at the end of every epoch.

    `History`, `CSVLogger` and `TensorBoard` then keep it, also where a
    schedule sets it. Give it before the callbacks that are to see the value.
    Of a `keras.optimizers.MultiOptimizer` it logs `learning_rate_NAME` for
    each optimizer within, by its name.

    Example:

    ```python
    history = model.fit(x, y, callbacks=[LearningRateLogger()]).history
    history["learning_rate"]
    ```
    """

    def on_epoch_end(self, epoch, logs=None):
        if logs is None:
            return
        optimizer = self.model.optimizer
        optimizers = {"learning_rate": optimizer}
        if hasattr(optimizer, "optimizers"):
            optimizers = {
                f"learning_rate_{inner.name}": inner
                for inner in optimizer.optimizers
            }
        for name, inner in optimizers.items():
            logs[name] = float(keras.ops.convert_to_numpy(inner.learning_rate))
