"""Train a language model on a token stream, its state carried along."""

import keras
from keras import ops

from ulmfit_keras.callbacks.callback_list import callback_list
from ulmfit_keras.data.token_stream import IGNORED_TARGET
from ulmfit_keras.data.token_stream import TokenStream
from ulmfit_keras.layers import ActivationRegularization
from ulmfit_keras.layers.chunked_cross_entropy import chunked_cross_entropy
from ulmfit_keras.layers.chunked_cross_entropy import default_chunk_size
from ulmfit_keras.layers.sizes import check_at_least
from ulmfit_keras.models.perplexity import Perplexity
from ulmfit_keras.models.quantization import check_not_quantized
from ulmfit_keras.models.replicas import num_replicas
from ulmfit_keras.models.sampled_softmax import sampled_softmax_loss
from ulmfit_keras.models.single_trace import SingleTraceMixin
from ulmfit_keras.models.training_memory import out_of_memory_advice
from ulmfit_keras.models.training_memory import training_memory


@keras.saving.register_keras_serializable("ulmfit_keras")
class StreamLanguageModel(SingleTraceMixin, keras.Model):
    """The training view of an `AWDLSTMCausalLM` on a `TokenStream`.

    It shares the language model's layers; training it trains them. The
    hidden state after a batch is kept, detached from the gradient, and opens
    the next batch. Training and evaluation each keep a state of their own,
    so `evaluate` leaves training undisturbed, and rows marked by `starts`
    begin at zero.

    Args:
        language_model: an `AWDLSTMCausalLM`.
        batch_size: rows of the training stream.
        evaluation_batch_size: rows of the validation stream. Defaults to
            `batch_size`.
        alpha: weight of activation regularization. Defaults to 2 (Merity et
            al. 2017).
        beta: weight of temporal activation regularization. Defaults to 1.
        num_sampled: train on a softmax over this many sampled words, see
            `sampled_softmax_loss`. Defaults to None, as 0 the exact softmax,
            which also replaces a sample of over half the vocabulary.
            Evaluation is exact always; sampled training reports no
            perplexity, since nothing exact was measured.
        chunk_size: int, compute the exact softmax for so many tokens at a
            time, in memory that does not grow with the batch; see
            `chunked_cross_entropy`. Defaults to "auto": as many as take 128
            MiB of logits, so that memory does not grow with the vocabulary,
            either. None or 0 is all at once, which is slower, too.

    Input shape:
        `{"token_ids": (batch_size, T), "starts": (batch_size,)}`, targets
        (batch_size, T) with -1 where nothing is to be predicted.

    Output shape:
        The last hidden layer, (batch_size, T, features). Its logits are
        `language_model.output_logits(hidden)`.

    Raises:
        ValueError: if there are no rows, or a number of words or tokens is
            below 0.

    Example:

    ```python
    trainer = StreamLanguageModel(language_model, batch_size=64)
    trainer.compile(FusedAdam(4e-3))
    trainer.fit(TokenStream(ids), validation_data=TokenStream(valid_ids))
    ```
    """

    def __init__(
        self,
        language_model,
        batch_size,
        evaluation_batch_size=None,
        alpha=2.0,
        beta=1.0,
        num_sampled=None,
        chunk_size="auto",
        **kwargs,
    ):
        check_at_least(
            1,
            batch_size=batch_size,
            evaluation_batch_size=evaluation_batch_size,
        )
        check_at_least(0, num_sampled=num_sampled)
        # Keras scales the loss of a model whose own policy is mixed_float16.
        policy = language_model.backbone.dtype_policy
        super().__init__(**{"dtype": policy, **kwargs})
        self.language_model = language_model
        self.batch_size = batch_size
        self.evaluation_batch_size = evaluation_batch_size or batch_size
        words = language_model.backbone.vocabulary_size
        is_sampled = num_sampled and 2 * num_sampled <= words
        self.num_sampled = num_sampled if is_sampled else None
        if chunk_size == "auto":
            chunk_size = default_chunk_size(words)
        check_at_least(0, chunk_size=chunk_size)
        self.chunk_size = chunk_size
        self.regularization = ActivationRegularization(
            alpha, beta, dtype=policy
        )
        self.perplexity = Perplexity()
        self.exact = True
        self.seed_generator = keras.random.SeedGenerator()
        size = language_model.backbone.state_size
        self.training_state, self.evaluation_state = (
            self.add_weight(
                shape=(rows, size),
                initializer="zeros",
                trainable=False,
                dtype="float32",
                name=name,
            )
            for rows, name in (
                (batch_size, "training_state"),
                (self.evaluation_batch_size, "evaluation_state"),
            )
        )
        self.built = True

    def fit(
        self,
        x,
        *,
        verbose="auto",
        callbacks=None,
        validation_data=None,
        **kwargs,
    ):
        """As `keras.Model.fit` on a `TokenStream`, in the stream's order.

        Keras would shuffle the batches, and the state would be carried into
        text that does not follow. A stream does not move on by itself, so
        each epoch is set where it begins. To end Keras' epochs within a pass
        give the stream `steps_per_epoch`.

        Raises:
            MemoryError: if memory runs out; it names ways out. What a step
                is expected to take is printed before (not with `verbose=0`).
            ValueError: if a stream has other rows than the state, or the
                language model is quantized.
        """
        check_not_quantized(self.language_model.backbone, "be trained")
        self._check_rows("batch_size", x)
        if validation_data is not None:
            self._check_rows("evaluation_batch_size", validation_data)
        memory = self.describe_memory(int(max(x.lengths)))
        if verbose:
            print(memory)
        # Keras looks into it before an epoch begins; where it begins one of
        # its passes, its windows are not all taken for one length.
        x.epoch = 0
        follow = keras.callbacks.LambdaCallback(
            on_epoch_begin=lambda epoch, logs: setattr(x, "epoch", epoch)
        )
        kwargs["shuffle"] = False
        with out_of_memory_advice(memory):
            return super().fit(
                x,
                verbose=verbose,
                callbacks=[follow, *callback_list(callbacks)],
                validation_data=validation_data,
                **kwargs,
            )

    def evaluate(self, x, **kwargs):
        """As `keras.Model.evaluate` on a `TokenStream`.

        Raises:
            ValueError: if the stream has other rows than the state.
        """
        self._check_rows("evaluation_batch_size", x)
        return super().evaluate(x, **kwargs)

    def describe_memory(self, num_steps):
        """What a training step takes, see `training_memory`, in a line."""
        parts = training_memory(
            self.language_model,
            self.batch_size,
            num_steps,
            self.num_sampled,
            self.chunk_size,
        )
        named = ", ".join(
            f"{part} {size / 2**30:.2f}" for part, size in parts.items()
        )
        words = self.num_sampled or self.language_model.backbone.vocabulary_size
        return (
            f"Batches of {self.batch_size} × {num_steps} tokens, {words:,} "
            "words in the softmax: a step takes about "
            f"{sum(parts.values()) / 2**30:.1f} GiB ({named})"
        )

    def call(self, inputs, training=False):
        carried = self.training_state if training else self.evaluation_state
        rows = inputs["token_ids"].shape[0]
        # Before it trains, Keras on JAX calls a model on a batch of training
        # as if to evaluate it, which leaves no state.
        is_trial = rows not in (None, carried.shape[0])
        state = ops.zeros((rows, carried.shape[1])) if is_trial else carried
        # A copy, since torch assigns variables in place before backward runs.
        state = ops.stop_gradient(ops.copy(ops.convert_to_tensor(state)))
        state = state * (1.0 - ops.expand_dims(inputs["starts"], -1))
        dropped, raw, state = self.language_model.backbone.encode(
            inputs["token_ids"], state, training=training
        )
        if not is_trial:
            carried.assign(ops.cast(ops.stop_gradient(state), "float32"))
        return self.regularization(dropped, raw, training=training)

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        targets = ops.reshape(y, (-1,))
        hidden = ops.reshape(y_pred, (-1, y_pred.shape[-1]))
        counted = ops.cast(ops.not_equal(targets, IGNORED_TARGET), "float32")
        targets = ops.maximum(targets, 0)
        num_tokens = ops.sum(counted)
        embedding = self.language_model.backbone.token_embedding
        if training and self.num_sampled:
            losses = sampled_softmax_loss(
                hidden,
                targets,
                *self.output_weights(),
                self.num_sampled,
                self.seed_generator,
            )
            total = ops.sum(losses * counted)
        elif self.chunk_size and embedding.quantization_mode is None:
            total = chunked_cross_entropy(
                hidden,
                targets,
                counted,
                *self.output_weights(),
                self.chunk_size,
                training,
            )
        else:
            logits = self.language_model.output_logits(hidden)
            losses = ops.sparse_categorical_crossentropy(
                targets, ops.cast(logits, "float32"), from_logits=True
            )
            total = ops.sum(losses * counted)
        self.exact = not (training and self.num_sampled)
        if self.exact:
            self.perplexity.update_state(total, num_tokens)
        loss = total / ops.maximum(num_tokens, 1.0)
        return (loss + sum(self.losses)) / num_replicas(self)

    def output_weights(self):
        """The word vectors and the bias that logits are made with."""
        lm = self.language_model
        return map(
            ops.convert_to_tensor, (lm.output_embeddings, lm.output_bias)
        )

    def get_metrics_result(self):
        # Keras asks right after each `compute_loss` that it traces, or runs.
        results = super().get_metrics_result()
        if not self.exact:
            del results[self.perplexity.name]
        return results

    def layer_groups(self):
        return self.language_model.layer_groups()

    def get_config(self):
        return {
            "name": self.name,
            "language_model": keras.saving.serialize_keras_object(
                self.language_model
            ),
            "batch_size": self.batch_size,
            "evaluation_batch_size": self.evaluation_batch_size,
            "alpha": self.regularization.alpha,
            "beta": self.regularization.beta,
            "num_sampled": self.num_sampled,
            "chunk_size": self.chunk_size,
        }

    @classmethod
    def from_config(cls, config):
        language_model = keras.saving.deserialize_keras_object(
            config["language_model"]
        )
        return cls(**{**config, "language_model": language_model})

    def _check_rows(self, name, stream):
        # TensorFlow's strategies keep a state in each replica.
        replicas = num_replicas(self)
        expected = getattr(self, name)
        if (
            isinstance(stream, TokenStream)
            and stream.batch_size != expected * replicas
        ):
            raise ValueError(
                f"A stream must have as many rows as `{name}` says, each of "
                "which has a state of its own, times the replicas that train. "
                f"Received: {name}={expected}, {replicas} replicas and a "
                f"stream of {stream.batch_size} rows"
            )
