"""The ULMFiT classifier."""

import keras
import keras_hub
import numpy as np

from ulmfit_keras.layers import ActivationRegularization
from ulmfit_keras.layers import ConcatPooling
from ulmfit_keras.models.awd_lstm_backbone import AWDLSTMBackbone
from ulmfit_keras.models.awd_lstm_text_classifier_preprocessor import (
    AWDLSTMTextClassifierPreprocessor,
)
from ulmfit_keras.models.document_encoder import DocumentEncoder
from ulmfit_keras.models.documents import as_documents
from ulmfit_keras.models.documents import document_batches
from ulmfit_keras.models.documents import document_ids
from ulmfit_keras.models.documents import hold_out
from ulmfit_keras.models.piecewise_prediction import PieceReader
from ulmfit_keras.models.piecewise_prediction import predict_documents
from ulmfit_keras.models.piecewise_prediction import weights_of
from ulmfit_keras.models.problem_type import PROBLEM_TYPES
from ulmfit_keras.models.problem_type import check_labels
from ulmfit_keras.models.task_mixin import TaskMixin
from ulmfit_keras.models.task_mixin import check_vocabulary
from ulmfit_keras.models.task_mixin import is_preprocessed
from ulmfit_keras.optimizers import FusedAdam


@keras.saving.register_keras_serializable("ulmfit_keras")
class AWDLSTMTextClassifier(TaskMixin, keras_hub.models.TextClassifier):
    """An AWD-LSTM with a pooling head that classifies texts.

    Source: Howard & Ruder 2018, section 3.3. The outputs at the last token,
    their maximum and their mean over the document go through two blocks of
    batch normalization, dropout and a dense layer, with a ReLU between them.
    Long documents are read by a `DocumentEncoder`.

    The encoder keeps the dropout rates it was last trained with; those for
    classifiers are set by `classifier.backbone.set_dropout("paper")`.

    Batch normalization keeps its averages at the rate of torch (momentum
    0.9, epsilon 1e-5), on which the paper's code runs; Keras' own 0.99 is
    too slow for the few hundred steps of a small data set.

    Args:
        backbone: an `AWDLSTMBackbone`.
        num_classes: int, number C of classes, or of numbers to predict.
        preprocessor: an `AWDLSTMTextClassifierPreprocessor`, or None for a
            model of token ids. Defaults to None.
        problem_type: "single_label" (one of the classes, softmax),
            "multi_label" (any of them, sigmoid) or "regression" (numbers, no
            activation; `fit` wants them near 0, and `train_classifier` sees
            to that). Defaults to "single_label".
        labels: list of C str, names of the classes, kept with the model.
            Defaults to None.
        head_dim: int, units of the dense layer in the middle. Defaults to 50.
        pooling_dropout: float, dropout on the pooled outputs. Defaults to
            0.4.
        head_dropout: float, dropout before the last layer. Defaults to 0.1.
        max_length: int, tokens at the end of a document through which the
            gradient flows. Defaults to 1400.

    Input shape:
        As the backbone; texts or lists of token ids in `predict`, texts or
        `LengthBuckets` in `fit` and `evaluate`.

    Output shape:
        float32 (B, C), probabilities, or numbers for a regression.

    Raises:
        ValueError: for an unknown `problem_type`, labels that are not C
            different ones, or a tokenizer of another size than the backbone.

    Example:

    ```python
    classifier = AWDLSTMTextClassifier.from_preset(
        "awd_lstm_small_en", num_classes=2, labels=["bad", "good"]
    )
    classifier.fit(texts, targets)
    probabilities = classifier.predict(["A fine film."])
    ```
    """

    backbone_cls = AWDLSTMBackbone
    preprocessor_cls = AWDLSTMTextClassifierPreprocessor

    def __init__(
        self,
        backbone,
        num_classes,
        preprocessor=None,
        problem_type="single_label",
        labels=None,
        head_dim=50,
        pooling_dropout=0.4,
        head_dropout=0.1,
        max_length=1400,
        **kwargs,
    ):
        labels = None if labels is None else list(labels)
        check_labels(problem_type, num_classes, labels)
        check_vocabulary(backbone, preprocessor)

        # === Layers ===
        dtype = backbone.dtype_policy
        self.backbone = backbone
        self.preprocessor = preprocessor
        self.document_encoder = DocumentEncoder(
            backbone, max_length, name="document_encoder"
        )
        self.concat_pooling = ConcatPooling(dtype=dtype, name="concat_pooling")
        self.head = [
            keras.layers.BatchNormalization(
                momentum=0.9, epsilon=1e-5, dtype=dtype, name="pooling_norm"
            ),
            keras.layers.Dropout(
                pooling_dropout, dtype=dtype, name="pooling_dropout"
            ),
            keras.layers.Dense(
                head_dim, activation="relu", dtype=dtype, name="head_dense"
            ),
            keras.layers.BatchNormalization(
                momentum=0.9, epsilon=1e-5, dtype=dtype, name="head_norm"
            ),
            keras.layers.Dropout(
                head_dropout, dtype=dtype, name="head_dropout"
            ),
            # In bfloat16 neighbouring numbers about 90 are half a unit apart.
            keras.layers.Dense(
                num_classes, dtype="float32", name="output_dense"
            ),
        ]
        self.output_activation = keras.layers.Activation(
            PROBLEM_TYPES[problem_type].activation,
            dtype="float32",
            name="probabilities",
        )

        # === Functional Model ===
        inputs = backbone.input
        outputs = self.output_activation(self.output_logits(inputs))
        # KerasHub's tasks compile themselves here and read these.
        self.problem_type = problem_type
        super().__init__(inputs=inputs, outputs=outputs, **kwargs)

        # === Config ===
        self.num_classes = num_classes
        # Python's numbers, not NumPy's, which no file of JSON could hold.
        self.labels = labels and [
            x.item() if isinstance(x, np.generic) else x for x in labels
        ]
        self.head_dim = head_dim
        self.pooling_dropout = pooling_dropout
        self.head_dropout = head_dropout
        self.max_length = max_length

    def output_logits(self, inputs, regularization=None, perturbation=None):
        """The numbers before the last activation.

        Args:
            inputs: `{"token_ids": (B, T), "padding_mask": (B, T)}`.
            regularization: an `ActivationRegularization` of the encoder's
                outputs. Defaults to None.
            perturbation: (B, T, E), added to the word vectors, see
                `DocumentEncoder`. Defaults to None.

        Returns:
            float32 (B, C).
        """
        padding_mask = inputs["padding_mask"]
        hidden, raw = self.document_encoder(
            inputs["token_ids"], padding_mask, perturbation=perturbation
        )
        if regularization is not None:
            hidden = regularization(hidden, raw, padding_mask)
        x = self.concat_pooling(hidden, padding_mask)
        for layer in self.head:
            x = layer(x)
        return x

    def logits_model(self, alpha=0.0, beta=0.0):
        """A plain Keras model from batches of token ids to logits.

        It shares all layers; train it with a `from_logits` loss to train the
        classifier.

        Args:
            alpha: weight of activation regularization. Defaults to 0.
            beta: weight of temporal activation regularization. Defaults to
                0. See `ActivationRegularization`.

        Returns:
            A `keras.Model` with the inputs of the backbone and one output,
            float32 (B, C).
        """
        regularization = None
        if alpha or beta:
            regularization = ActivationRegularization(
                alpha, beta, dtype=self.backbone.dtype_policy
            )
        model = keras.Model(
            self.input, self.output_logits(self.input, regularization)
        )
        # Keras scales the loss of a model whose own policy is mixed_float16.
        model.dtype_policy = self.backbone.dtype_policy
        model.layer_groups = self.layer_groups
        return model

    def fit(
        self,
        x=None,
        y=None,
        batch_size=None,
        sample_weight=None,
        validation_data=None,
        validation_split=0.0,
        **kwargs,
    ):
        """As `keras.Model.fit`, on texts too.

        Args:
            x: texts or documents as token ids, as `predict` takes them,
                which are shuffled and batched by length; a
                `tf.data.Dataset` of texts; or batches of token ids, as dicts
                of arrays or a `keras.utils.PyDataset`.
            y: targets of texts, array (texts,) or (texts, C). Defaults to
                None.
            batch_size: int, most texts in a batch; of one alone, only the
                head's biases and last layer learn, since batch normalization
                takes its own mean away. Defaults to 32. A data set
                has its own batches; leave it out there.
            sample_weight: array (texts,). Defaults to None.
            validation_data: `(x, y)` or `(x, y, sample_weight)`, or a data
                set. Defaults to None.
            validation_split: share of the texts, the last ones, that are held
                out for validation where there is no `validation_data`.
                Defaults to 0.
            **kwargs: see `keras.Model.fit`. With `shuffle=False` texts are
                batched by falling length in every epoch.

        Returns:
            A `keras.callbacks.History`.

        Raises:
            ValueError: if nothing is held out or left by `validation_split`.
        """
        if validation_split and as_documents(x) is not None:
            if validation_data is None:
                (x, y, sample_weight), validation_data = hold_out(
                    x, y, sample_weight, validation_split
                )
            validation_split = 0.0
        batches = document_batches(
            x,
            y,
            sample_weight,
            self.preprocessor,
            batch_size,
            shuffle=kwargs.get("shuffle", True),
        )
        prepared = batches is not None or is_preprocessed(x)
        if prepared and isinstance(validation_data, (tuple, list)):
            validation_data = tuple(validation_data)
            validation = keras.utils.unpack_x_y_sample_weight(validation_data)
            validation_data = (
                document_batches(*validation, self.preprocessor, batch_size)
                or validation_data
            )
        if batches is None:
            return super().fit(
                x,
                y,
                batch_size=batch_size,
                sample_weight=sample_weight,
                validation_data=validation_data,
                validation_split=validation_split,
                **kwargs,
            )
        return super().fit(
            batches,
            validation_data=validation_data,
            **{**kwargs, "shuffle": False},
        )

    def evaluate(
        self, x=None, y=None, batch_size=None, sample_weight=None, **kwargs
    ):
        """As `keras.Model.evaluate`, on texts too; see `fit`."""
        batches = document_batches(
            x, y, sample_weight, self.preprocessor, batch_size
        )
        if batches is None:
            return super().evaluate(
                x,
                y,
                batch_size=batch_size,
                sample_weight=sample_weight,
                **kwargs,
            )
        return super().evaluate(batches, **kwargs)

    def predict(self, x, batch_size=None, verbose=0, **kwargs):
        """Probabilities for texts, in their order.

        The result does not depend on how the texts are batched.

        Args:
            x: a list or array of texts, one text, or a list of documents as
                token ids, each opening with `xxbos`; or anything that
                `keras.Model.predict` takes, with batches as the input shape.
            batch_size: int, most texts to be read at a time. Defaults to 64,
                for batches to Keras' own.
            verbose: as in `keras.Model.predict`. Defaults to 0.
            **kwargs: see `keras.Model.predict`; for batches only.

        Returns:
            float32 array (texts, C).
        """
        documents = as_documents(x)
        if documents is None:
            return super().predict(
                x, batch_size=batch_size, verbose=verbose, **kwargs
            )
        ids = document_ids(documents, self.preprocessor)
        return predict_documents(self, ids, batch_size, verbose)

    @property
    def piece_reader(self):
        """The `PieceReader` of this classifier, which keeps its graph."""
        # Kept where Keras does not take it for one of the layers.
        reader = vars(self).get("_piece_reader")
        if reader is None or reader.weights_read != weights_of(self):
            reader = vars(self)["_piece_reader"] = PieceReader(self)
        return reader

    def layer_groups(self):
        """Layer groups from lowest to highest: [(name, [pattern]), …]."""
        head = [rf"(^|/){layer.name}/" for layer in self.head if layer.weights]
        return [*self.backbone.layer_groups(), ("head", head)]

    def compile(
        self, optimizer="auto", loss="auto", *, metrics="auto", **kwargs
    ):
        """As `keras.Model.compile`, with defaults that fit `problem_type`.

        The optimizer defaults to `FusedAdam` with the betas of Howard & Ruder
        2018, section 4.1, 0.7 and 0.99, and a learning rate of 0.001. Their
        0.01 is for the head only, reached by a schedule, and divided by 2.6
        for each layer group beneath; see `DiscriminativeOptimizer`.
        """
        problem = PROBLEM_TYPES[self.problem_type]
        if optimizer == "auto":
            optimizer = FusedAdam(0.001, beta_1=0.7, beta_2=0.99)
        if loss == "auto":
            loss = problem.loss()
        if metrics == "auto":
            metrics = [problem.metric()]
        super().compile(
            optimizer=optimizer, loss=loss, metrics=metrics, **kwargs
        )

    def get_config(self):
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "problem_type": self.problem_type,
            "labels": self.labels,
            "head_dim": self.head_dim,
            "pooling_dropout": self.pooling_dropout,
            "head_dropout": self.head_dropout,
            "max_length": self.max_length,
        }
