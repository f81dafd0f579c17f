"""Train a classifier on word vectors moved to where it errs most."""

import keras
from keras import ops

from ulmfit_keras.models.replicas import num_replicas
from ulmfit_keras.models.single_trace import SingleTraceMixin


@keras.saving.register_keras_serializable("ulmfit_keras")
class AdversarialTraining(SingleTraceMixin, keras.Model):
    """The training view of a classifier that also learns perturbed documents.

    Source: Miyato, Dai & Goodfellow 2017, "Adversarial training methods for
    semi-supervised text classification", section 3. Each step has two passes:
    the first gives the gradient g of the loss L for the weights and for the
    word vectors s of each document; the second reads the same documents with
    s + r, r = ε‖s‖ g / ‖g‖, with dropout drawn anew, and the weights follow
    the gradient of L(s) + L(s + r). A step takes twice as long as without.

    The paper brings all word vectors to one scale and takes ε as a length
    (5 for IMDb, about 0.02 of the norm of its documents). The vectors of a
    pretrained model have to stay as they are, so here ε is a share of the
    norm of the document's own.

    It shares the classifier's layers; training it trains them. The loss and
    metrics that it reports are those of the unmoved documents. While some
    layers are frozen (`GradualUnfreezing`), no gradient reaches the word
    vectors, and steps are plain ones.

    Args:
        classifier: an `AWDLSTMTextClassifier`.
        epsilon: float above 0, norm of a perturbation over the norm of the
            document's word vectors. Defaults to 0.02.

    Input shape:
        `{"token_ids": int (B, T), "padding_mask": (B, T)}`.

    Output shape:
        float32 (B, C), logits.

    Raises:
        ValueError: if `epsilon` is not above 0.

    Example:

    ```python
    trainer = AdversarialTraining(classifier, epsilon=0.02)
    trainer.compile(
        FusedAdam(1e-3),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    trainer.fit(LengthBuckets(token_ids, targets), shuffle=False)
    classifier.predict(texts)
    ```
    """

    def __init__(self, classifier, epsilon=0.02, **kwargs):
        check_epsilon("epsilon", epsilon)
        # Keras scales the loss of a model whose own policy is mixed_float16.
        policy = classifier.backbone.dtype_policy
        super().__init__(**{"dtype": policy, **kwargs})
        self.classifier = classifier
        self.epsilon = epsilon
        inputs = classifier.input
        perturbation = keras.Input((None, classifier.backbone.embedding_dim))
        self.reader = keras.Model(
            [inputs, perturbation],
            classifier.output_logits(inputs, perturbation=perturbation),
        )
        self.built = True

    def call(self, inputs, perturbation=None, training=False):
        if perturbation is None:
            perturbation = self.unmoved(inputs)
        return self.reader([inputs, perturbation], training=training)

    def layer_groups(self):
        """The groups of the classifier, as (name, [path patterns])."""
        return self.classifier.layer_groups()

    def perturbation(self, inputs, gradient):
        """Where the word vectors are moved to.

        Args:
            inputs: as the input shape.
            gradient: (B, T, E), of the loss for the word vectors, in the
                order in which the documents are read.

        Returns:
            float32 (B, T, E), the moves; 0 where the gradient is.
        """
        vectors = self.classifier.backbone.token_embedding(inputs["token_ids"])
        mask = ops.cast(inputs["padding_mask"], "float32")[..., None]
        size = self.epsilon * _norm(ops.cast(vectors, "float32") * mask)
        # In float16 a step may overflow. The optimizer leaves it out, but the
        # averages of batch normalization would keep what is not finite.
        gradient = ops.where(ops.isfinite(gradient), gradient, 0.0)
        # Brought to 1 first, or the squares of small numbers would be 0.
        largest = ops.max(ops.abs(gradient), axis=(1, 2), keepdims=True)
        gradient = gradient / ops.where(largest > 0, largest, 1.0)
        norm = _norm(gradient)
        move = size * gradient / ops.where(norm > 0, norm, 1.0)
        return ops.stop_gradient(move)

    def train_step(self, *args):
        if any(b.closed for b in self.classifier.backbone.boundaries):
            return super().train_step(*args)
        return _STEPS[keras.backend.backend()](self, *args)

    def get_config(self):
        return {
            "name": self.name,
            "classifier": keras.saving.serialize_keras_object(self.classifier),
            "epsilon": self.epsilon,
        }

    @classmethod
    def from_config(cls, config):
        classifier = keras.saving.deserialize_keras_object(config["classifier"])
        return cls(**{**config, "classifier": classifier})

    def unmoved(self, inputs):
        """A perturbation of zeros, float32 (B, T, E)."""
        features = self.classifier.backbone.embedding_dim
        return ops.zeros((*ops.shape(inputs["token_ids"]), features))

    def track(self, loss, x, y, y_pred, sample_weight):
        """Count a batch in the loss and the metrics; returns all of them."""
        tracker = next(m for m in self.metrics if m.name == "loss")
        tracker.update_state(
            loss * num_replicas(self), sample_weight=ops.shape(y_pred)[0]
        )
        return self.compute_metrics(x, y, y_pred, sample_weight=sample_weight)


def check_epsilon(name, epsilon):
    """Raise a ValueError that names the argument unless it is above 0."""
    if not epsilon > 0:
        raise ValueError(
            f"`{name}`, the size of perturbations as a share of the norm of a "
            "document's word vectors, must be above 0, such as 0.02. "
            f"Received: {name}={epsilon}"
        )


def _norm(x):
    """The norm of each document, (B, 1, 1)."""
    return ops.sqrt(ops.sum(ops.square(x), axis=(1, 2), keepdims=True))


def _tensorflow_step(model, batch):
    import tensorflow as tf

    x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(batch)
    variables = model.trainable_variables

    def read(perturbation):
        with tf.GradientTape() as tape:
            tape.watch(perturbation)
            y_pred = model(x, perturbation, training=True)
            loss = model.compute_loss(x, y, y_pred, sample_weight)
            scaled = model.optimizer.scale_loss(loss)
        sources = [*(v.value for v in variables), perturbation]
        *gradients, direction = tape.gradient(scaled, sources)
        return gradients, direction, loss, y_pred

    def total(first, second):
        if isinstance(first, tf.IndexedSlices):
            return tf.IndexedSlices(
                tf.concat([first.values, second.values], 0),
                tf.concat([first.indices, second.indices], 0),
                first.dense_shape,
            )
        return first + second

    first, direction, loss, y_pred = read(model.unmoved(x))
    second, *_ = read(model.perturbation(x, direction))
    gradients = map(total, first, second)
    model.optimizer.apply_gradients(zip(gradients, variables, strict=True))
    return model.track(loss, x, y, y_pred, sample_weight)


def _jax_step(model, state, batch):
    import jax

    trainable, non_trainable, optimizer_variables, metrics_variables = state
    x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(batch)
    scaling = list(
        zip(model.optimizer.variables, optimizer_variables, strict=True)
    )

    def scaled_loss(trainable, perturbation, non_trainable):
        y_pred, non_trainable = model.stateless_call(
            trainable, non_trainable, x, perturbation, training=True
        )
        loss = model.compute_loss(x, y, y_pred, sample_weight)
        with keras.StatelessScope(state_mapping=scaling):
            scaled = model.optimizer.scale_loss(loss)
        return scaled, (loss, y_pred, non_trainable)

    read = jax.grad(scaled_loss, argnums=(0, 1), has_aux=True)
    (first, direction), (loss, y_pred, non_trainable) = read(
        trainable, model.unmoved(x), non_trainable
    )
    weights = zip(
        model.trainable_variables + model.non_trainable_variables,
        trainable + non_trainable,
        strict=True,
    )
    with keras.StatelessScope(state_mapping=weights):
        move = model.perturbation(x, direction)
    (second, _), (*_, non_trainable) = read(trainable, move, non_trainable)
    trainable, optimizer_variables = model.optimizer.stateless_apply(
        optimizer_variables,
        jax.tree.map(jax.numpy.add, first, second),
        trainable,
    )
    counted = zip(model.metrics_variables, metrics_variables, strict=True)
    with keras.StatelessScope(state_mapping=counted) as scope:
        logs = model.track(loss, x, y, y_pred, sample_weight)
    metrics_variables = [
        scope.get_current_value(v) for v in model.metrics_variables
    ]
    return logs, (
        trainable,
        non_trainable,
        optimizer_variables,
        metrics_variables,
    )


def _torch_step(model, batch):
    import torch

    x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(batch)
    model.zero_grad()

    def read(perturbation):
        y_pred = model(x, perturbation, training=True)
        loss = model.compute_loss(x, y, y_pred, sample_weight)
        # Adds to the gradients of the pass before.
        model.optimizer.scale_loss(loss).backward()
        return loss, y_pred

    unmoved = model.unmoved(x).requires_grad_()
    loss, y_pred = read(unmoved)
    read(model.perturbation(x, unmoved.grad))
    variables = model.trainable_variables
    with torch.no_grad():
        model.optimizer.apply([v.value.grad for v in variables], variables)
    return model.track(loss, x, y, y_pred, sample_weight)


_STEPS = {
    "tensorflow": _tensorflow_step,
    "jax": _jax_step,
    "torch": _torch_step,
}
