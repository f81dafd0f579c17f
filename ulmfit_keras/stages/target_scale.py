"""Train a regression on targets of mean 0 and standard deviation 1."""

import numpy as np


class TargetScale:
    """The mean and deviation of targets, and a classifier's way to them.

    A step of Adam moves an output weight by about the learning rate, however
    far the targets lie: of values about 90, or in thousands, a model would
    come nowhere near. So it learns standardized targets, and the scale is
    then multiplied into its last layer, which gives it back its units.

    Args:
        targets: float (N, K), those of the training rows.
    """

    def __init__(self, targets):
        # Of float32 the mean is off by rounding, and then a column of one
        # value has a deviation.
        targets = np.asarray(targets, "float64")
        varies = targets.max(axis=0) > targets.min(axis=0)
        self.mean = targets.mean(axis=0)
        self.deviation = np.where(varies, targets.std(axis=0), 1.0)

    def standardized(self, targets):
        """Targets in deviations from the mean, float32 (N, K)."""
        return ((targets - self.mean) / self.deviation).astype("float32")

    def standardize(self, classifier):
        """Turn a classifier's outputs into standardized ones, in place."""
        self._rescale(classifier, 1 / self.deviation, -self.mean)

    def restore(self, classifier):
        """Undo `standardize`, in place."""
        self._rescale(classifier, self.deviation, self.mean / self.deviation)

    def _rescale(self, classifier, factor, shift):
        """Outputs become `(outputs + shift) * factor`."""
        layer = classifier.head[-1]
        kernel, bias = layer.get_weights()
        layer.set_weights([kernel * factor, (bias + shift) * factor])
