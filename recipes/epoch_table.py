"""A table of what training logs, over all calls that it takes."""

import keras


class EpochTable(keras.callbacks.CSVLogger):
    """Goes on with the table of an earlier call.

    An epoch that was logged, and then lost with its checkpoint, is trained
    again; its first row is dropped.

    Args:
        path: `pathlib.Path` of the file.
        columns: list of str, what to log; an epoch without a validation has
            "NA" for its figures.
    """

    def __init__(self, path, columns):
        super().__init__(path, append=True)
        self.columns = columns

    def on_train_begin(self, logs=None):
        """Wait: the first epoch says where training goes on."""

    def on_epoch_begin(self, epoch, logs=None):
        if self.csv_file is None:
            self._drop_from(epoch)
            super().on_train_begin()
            # Keras goes by the first epoch, which may lack a validation.
            self.keys = self.columns

    def on_train_end(self, logs=None):
        if self.csv_file is not None:
            super().on_train_end()

    def _drop_from(self, epoch):
        try:
            with open(self.filename, newline="") as file:
                header, *rows = file
        except (FileNotFoundError, ValueError):
            return  # nothing was logged yet
        with open(self.filename, "w", newline="") as file:
            file.writelines(
                [header, *(row for row in rows if _epoch_of(row) < epoch)]
            )


def _epoch_of(row):
    return int(row.split(",")[0])
