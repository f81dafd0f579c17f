"""Models whose training step TensorFlow traces once."""


class SingleTraceMixin:
    """Has the optimizer's variables made before the first step.

    TensorFlow traces a step again if variables were made in its first trace,
    which takes as long once more. Keras makes them before on JAX, on torch and
    under a distribution strategy.
    """

    def make_train_function(self, force=False):
        if self.optimizer is not None and not self.optimizer.built:
            self.optimizer.build(self.trainable_variables)
        return super().make_train_function(force)
