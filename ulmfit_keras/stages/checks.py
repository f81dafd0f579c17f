"""What would spoil a stage, found before its hours, or named after them."""

import numpy as np

from ulmfit_keras import data
from ulmfit_keras.text import encode_texts
from ulmfit_keras.text.checks import check_listed


class DivergenceError(ValueError):
    """Training by settings that no usable weights came out of.

    Example:

    ```python
    try:
        classifier = train_classifier(lm, texts, labels, learning_rate=rate)
    except DivergenceError:
        classifier = train_classifier(lm, texts, labels, learning_rate=rate / 3)
    ```
    """


def check_texts(model, texts, purpose, advice):
    """Raise unless a model finds a word in some text.

    Args:
        model: an `AWDLSTMCausalLM` or an `AWDLSTMTextClassifier`, with its
            preprocessor.
        texts: list of str.
        purpose: what they are there to do, for the message.
        advice: what to do if they cannot, for the message.

    Raises:
        DataError: if all texts are empty, or there is none.
    """
    tokenizer = model.preprocessor.tokenizer
    # One by one, since the first will mostly do. Each opens with `xxbos`.
    if not any(len(encode_texts(tokenizer, [text])[0]) > 1 for text in texts):
        raise data.DataError(
            f"The texts to {purpose} must have at least one word; {advice}. "
            f"Received: {len(texts)} texts without a word"
        )


def listed(name, texts):
    """Texts as a list.

    Args:
        name: of the argument, for the message.
        texts: iterable of str.

    Returns:
        A list of str.

    Raises:
        ValueError: for one text, whose characters would be read as texts.
    """
    check_listed(name, texts)
    return list(texts)


def listed_pair(validation_data):
    """Texts and labels to validate on, as a pair of lists.

    Args:
        validation_data: (texts, labels).

    Returns:
        A pair of lists.

    Raises:
        ValueError: unless it is a pair, of one label for each text.
    """
    is_sequence = isinstance(validation_data, (tuple, list))
    if not is_sequence or len(validation_data) != 2:
        size = f" of {len(validation_data)}" if is_sequence else ""
        raise ValueError(
            "`validation_data` must be a pair, (texts, labels). "
            f"Received: a {type(validation_data).__name__}{size}"
        )
    texts, labels = validation_data
    texts, labels = listed("validation_data[0]", texts), list(labels)
    check_pairs(texts, labels)
    return texts, labels


def check_share(name, share):
    """Raise a ValueError unless a share to hold out leaves something."""
    if not 0 <= share < 1:
        raise ValueError(
            f"`{name}` must be at least 0, to hold out nothing, and below 1. "
            f"Received: {name}={share}"
        )


def check_preprocessor(language_model):
    """Raise a ValueError unless a language model can read texts."""
    if language_model.preprocessor is None:
        raise ValueError(
            "The language model must have its preprocessor, which reads texts: "
            "load it by `from_preset`, or set its `preprocessor`. "
            "Received: preprocessor=None"
        )


def check_pairs(texts, labels):
    """Raise a ValueError unless there is one label for each text."""
    if len(texts) != len(labels):
        raise ValueError(
            "There must be one label for each text, in the same order. "
            f"Received: {len(texts)} texts and {len(labels)} labels"
        )


def check_width(numbers, expected, of):
    """Raise unless rows of a regression have as many numbers as outputs.

    Args:
        numbers: array (N, K), the labels.
        expected: int, how many each row must have.
        of: str, whose labels they are, for the message.

    Raises:
        ValueError: if K is another.
    """
    if numbers.shape[1] != expected:
        raise ValueError(
            f"The labels of {of} must have {expected} numbers each, as many "
            "as the classifier predicts of a text. "
            f"Received: rows of {numbers.shape[1]}"
        )


def check_class_weight(class_weight, problem_type):
    """Raise where rows have no one class that they could be weighed by.

    Args:
        class_weight: as in `train_classifier`.
        problem_type: as in `train_classifier`.

    Raises:
        ValueError: for class weights of another than a single-label problem.
    """
    if class_weight is not None and problem_type != "single_label":
        raise ValueError(
            "`class_weight` weighs rows by their class, which only rows of a "
            "single-label problem have; leave it out. Received: "
            f"class_weight={class_weight!r}, problem_type={problem_type!r}"
        )


def check_finite(history, early_stopping, learning_rate):
    """Raise if training diverged, at which Keras stops but does not fail.

    Args:
        history: the Keras `History`.
        early_stopping: list of the `EarlyStopping`, if there was one, which
            may have restored weights from before.
        learning_rate: the highest, for the message.

    Raises:
        DivergenceError: if the last loss is not finite and no better weights
            were restored.
    """
    restored = any(
        callback.best is not None and np.isfinite(callback.best)
        for callback in early_stopping
    )
    if not restored and not np.isfinite(history.history["loss"][-1]):
        raise DivergenceError(
            "Training diverged: the loss is no finite number any more. Train "
            "with a lower `learning_rate`, or in float32. "
            f"Received: learning_rate={learning_rate}"
        )
