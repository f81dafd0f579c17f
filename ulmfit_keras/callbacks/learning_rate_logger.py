"""Put the learning rate into the logs of every epoch."""

import keras


class LearningRateLogger(keras.callbacks.Callback):
    """Log the optimizer's learning rate at the end of every epoch.

    `History`, `CSVLogger` and `TensorBoard` then keep it, also where a
    schedule sets it. Give it before the callbacks that are to see the value.

    Example:

    ```python
    history = model.fit(x, y, callbacks=[LearningRateLogger()]).history
    history["learning_rate"]
    ```
    """

    def on_epoch_end(self, epoch, logs=None):
        if logs is not None:
            logs["learning_rate"] = float(
                keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)
            )
