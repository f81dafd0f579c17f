"""Stages two and three on a tiny model, end to end."""

import keras
import numpy as np
import pytest

import ulmfit_keras as ulmfit
from ulmfit_keras import data
from ulmfit_keras import evaluation
from ulmfit_keras import models
from ulmfit_keras import text

WORDS = ["good", "fine", "great", "bad", "poor", "awful", "the", "film", "was"]


def _language_model(backwards=False):
    vocabulary = text.Vocabulary.build(
        dict.fromkeys([*WORDS[:-3], "the", "film", "old1", "old2"], 5)
    )
    backbone = models.AWDLSTMBackbone(
        len(vocabulary), 12, 16, 2, backwards=backwards
    )
    return models.AWDLSTMCausalLM(
        backbone,
        models.AWDLSTMCausalLMPreprocessor(
            text.WordTokenizer(list(vocabulary.tokens))
        ),
    )


@pytest.fixture
def reviews():
    random = np.random.default_rng(0)
    labels = random.choice(["neg", "pos"], 160).tolist()
    return [
        f"The film was {random.choice(WORDS[:3] if y == 'pos' else WORDS[3:6])}"
        for y in labels
    ], labels


@pytest.mark.parametrize(
    "backwards", [False, pytest.param(True, marks=pytest.mark.logic)]
)
def test_three_stages_learn(reviews, backwards):
    texts, labels = reviews
    language_model = _language_model(backwards)
    history = ulmfit.finetune_language_model(
        language_model,
        texts,
        epochs=3,
        learning_rate=0.02,
        batch_size=4,
        bptt=12,
        dropout_multiplier=0.1,
        verbose=0,
    )
    perplexities = history.history["val_perplexity"]
    assert perplexities[-1] < perplexities[0]
    # "was" and its like are new words, "old2" had to make room.
    assert history.vocabulary_transfer.new == 1
    tokenizer = language_model.preprocessor.tokenizer
    assert tokenizer.token_to_id("was") != tokenizer.unk_token_id

    before = [w.copy() for w in language_model.get_weights()]
    recorded = keras.callbacks.History()
    classifier = ulmfit.train_classifier(
        language_model,
        texts,
        labels,
        epochs=8,
        learning_rate=0.05,
        batch_size=16,
        dropout_multiplier=0.1,
        callbacks=[recorded],
        verbose=0,
    )
    for old, new in zip(before, language_model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert recorded.history["unfrozen_groups"][:4] == [1, 2, 3, 4]
    assert classifier.labels == ["neg", "pos"]
    assert classifier.backbone.backwards == backwards
    probabilities = classifier.predict(
        ["The film was great", "The film was awful", ""]
    )
    assert probabilities.shape == (3, 2)
    assert probabilities[0].argmax() == 1
    assert probabilities[1].argmax() == 0


@pytest.mark.logic
def test_exchanged_words_and_kept_vectors_help():
    """Bits a character compare, since each unknown word is spelled in them."""
    random = np.random.default_rng(0)

    def sentences(nouns, count):
        return [
            f"The {random.choice(nouns)} was {random.choice(WORDS[:6])}"
            for _ in range(count)
        ]

    options = {
        "learning_rate": 0.02,
        "batch_size": 4,
        "bptt": 12,
        "dropout_multiplier": 0.1,
        "verbose": 0,
    }
    general = _language_model()
    ulmfit.finetune_language_model(
        general, sentences(["film"], 160), epochs=4, **options
    )
    known = list(general.preprocessor.tokenizer.vocabulary.tokens)
    vectors, *lstms, bias = general.get_weights()
    order = random.permutation(len(known))
    texts = sentences(["film", "song", "tune"], 80)
    unseen = sentences(["film", "song", "tune"], 40)

    def bits(transfer_vocabulary=True, rows=slice(None)):
        language_model = _language_model()
        language_model.preprocessor.tokenizer.set_vocabulary(known)
        language_model.set_weights([vectors[rows], *lstms, bias[rows]])
        ulmfit.finetune_language_model(
            language_model,
            texts,
            epochs=2,
            transfer_vocabulary=transfer_vocabulary,
            **options,
        )
        return evaluation.language_model_metrics(
            language_model, unseen, batch_size=4
        )["bits_per_character"]

    exchanged = bits()
    assert exchanged < bits(transfer_vocabulary=False) - 0.1
    assert exchanged < bits(rows=order) - 0.1


@pytest.mark.parametrize(
    "problem_type",
    ["single_label", pytest.param("multi_label", marks=pytest.mark.logic)],
)
def test_adversarial_training_learns(reviews, problem_type):
    texts, labels = reviews
    if problem_type == "multi_label":
        labels = [[label] for label in labels]
    recorded = keras.callbacks.History()
    ulmfit.train_classifier(
        _language_model(),
        texts,
        labels,
        problem_type=problem_type,
        epochs=6,
        learning_rate=0.05,
        batch_size=16,
        dropout_multiplier=0.1,
        adversarial_epsilon=0.05,
        class_weight=None if problem_type == "multi_label" else "balanced",
        callbacks=[recorded],
        verbose=0,
    )
    assert recorded.history["val_accuracy"][-1] == 1
    assert recorded.history["unfrozen_groups"] == [1, 2, 3, 4, 4, 4]


@pytest.mark.parametrize(
    "settings",
    [
        "paper",
        pytest.param("fastai", marks=pytest.mark.logic),
        pytest.param("small", marks=pytest.mark.logic),
    ],
)
def test_all_settings_run_for_multi_label_and_regression(settings):
    language_model = _language_model()
    texts = ["good film", "bad film", "the film", "good bad"] * 5
    many = ulmfit.train_classifier(
        language_model,
        texts,
        [["g"], ["b"], [], ["g", "b"]] * 5,
        problem_type="multi_label",
        settings=settings,
        epochs=1,
        verbose=0,
    )
    assert many.predict(["good"]).shape == (1, 2)
    number = ulmfit.train_classifier(
        language_model,
        texts,
        [1.0, 0.0, 0.5, 0.5] * 5,
        problem_type="regression",
        settings=settings,
        epochs=1,
        verbose=0,
    )
    assert number.predict(["good", ""]).shape == (2, 1)


@pytest.mark.logic
@pytest.mark.parametrize("patience, kept", [(9, 3), (None, 4)])
def test_best_weights_are_kept_or_the_last(
    reviews, monkeypatch, patience, kept
):
    # Of the epochs with all four groups unfrozen, the first is the best.
    losses = iter(range(9))
    monkeypatch.setattr(
        keras.callbacks.EarlyStopping,
        "get_monitor_value",
        lambda self, logs: float(next(losses)),
    )
    biases = []

    class Biases(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            biases.append(self.model.get_weights()[-1])

    classifier = ulmfit.train_classifier(
        _language_model(),
        *reviews,
        epochs=5,
        patience=patience,
        callbacks=[Biases()],
        verbose=0,
    )
    found = classifier.get_weights()[-1]
    same = [np.array_equal(found, bias) for bias in biases]
    assert same == [epoch == kept for epoch in range(5)]


@pytest.mark.logic
def test_nothing_is_held_out_on_request():
    # A label has one row, which would not do for a split.
    texts, labels = ["good film", "bad film"], ["pos", "neg"]
    language_model = _language_model()
    history = ulmfit.finetune_language_model(
        language_model, texts, validation_fraction=0, epochs=2, verbose=0
    )
    assert len(history.history["loss"]) == 2
    assert "val_loss" not in history.history
    options = {"validation_fraction": 0, "epochs": 1, "verbose": 0}
    recorded = keras.callbacks.History()
    classifier = ulmfit.train_classifier(
        language_model, texts, labels, callbacks=[recorded], **options
    )
    assert classifier.labels == ["neg", "pos"]
    assert "val_loss" not in recorded.history
    with pytest.raises(ValueError, match="Received: patience=2"):
        ulmfit.train_classifier(
            language_model, texts, labels, patience=2, **options
        )


@pytest.mark.logic
def test_dropout_is_that_of_the_settings_unless_given(reviews):
    texts = reviews[0][:10]
    language_model = _language_model()

    def rate(**options):
        ulmfit.finetune_language_model(
            language_model, texts, epochs=1, verbose=0, **options
        )
        return language_model.backbone.dropout_rates["weight_drop"]

    assert rate(settings="paper") == 0.5
    assert rate(settings="small") == pytest.approx(0.05)
    assert rate(settings="small", dropout_multiplier=0.0) == 0


def test_errors_name_what_is_wrong():
    language_model = _language_model()
    with pytest.raises(ValueError, match="Received: settings='best'"):
        ulmfit.train_classifier(
            language_model, ["a", "b"], ["x", "y"], settings="best"
        )
    with pytest.raises(ValueError, match="at least two texts"):
        ulmfit.finetune_language_model(language_model, ["only one"])


@pytest.mark.parametrize("rate", [0, -0.1])
def test_rates_out_of_range_are_refused(reviews, rate):
    language_model = _language_model()
    with pytest.raises(ValueError, match=f"Received: learning_rate={rate}"):
        ulmfit.finetune_language_model(
            language_model, reviews[0], learning_rate=rate
        )
    with pytest.raises(ValueError, match=f"Received: learning_rate={rate}"):
        ulmfit.train_classifier(language_model, *reviews, learning_rate=rate)
    with pytest.raises(ValueError, match="multiplier=2.5"):
        ulmfit.train_classifier(
            language_model, *reviews, dropout_multiplier=2.5
        )
    with pytest.raises(ValueError, match=f"adversarial_epsilon={rate}"):
        ulmfit.train_classifier(
            language_model, *reviews, adversarial_epsilon=rate
        )


@pytest.mark.parametrize(
    "texts, valid, message",
    [
        (["good", "bad"], [" "], "validate on must.*validation_fraction=0"),
        (["", " \n"], None, "train on must have at least one word"),
    ],
)
def test_texts_without_a_word_show_before_training(texts, valid, message):
    language_model = _language_model()
    tokenizer = language_model.preprocessor.tokenizer
    before = tokenizer.get_vocabulary()
    with pytest.raises(data.DataError, match=message):
        ulmfit.finetune_language_model(language_model, texts, valid)
    assert tokenizer.get_vocabulary() == before


def test_a_classifier_needs_a_word_to_train_on():
    with pytest.raises(data.DataError, match="must have at least one word"):
        ulmfit.train_classifier(
            _language_model(), ["", " \n"] * 4, ["neg", "pos"] * 4
        )


@pytest.mark.parametrize("one", ["good bad", b"good bad"])
def test_one_text_is_no_list_of_texts(one):
    language_model = _language_model()
    with pytest.raises(ValueError, match="Received: texts=b?'good bad'"):
        ulmfit.finetune_language_model(language_model, one)
    with pytest.raises(ValueError, match="Received: validation_texts="):
        ulmfit.finetune_language_model(language_model, ["a"], one)
    with pytest.raises(ValueError, match="Received: texts=b?'good bad'"):
        ulmfit.train_classifier(language_model, one, ["neg", "pos"] * 4)
    with pytest.raises(ValueError, match="Received: texts=b?'good bad'"):
        ulmfit.zero_shot_scores(language_model, one, {}, "the film was")


@pytest.mark.parametrize(
    "wrong, message",
    [
        ((["good"],), "a tuple of 1"),
        ((["good"], ["pos"], [1.0]), "a tuple of 3"),
        ({"texts": ["good"]}, "a dict"),
        ((["good"], []), "1 texts and 0 labels"),
        (("good", ["pos"] * 4), "validation_data.0.='good'"),
    ],
)
def test_validation_data_are_a_pair(reviews, wrong, message):
    with pytest.raises(ValueError, match=f"Received: {message}"):
        ulmfit.train_classifier(
            _language_model(), *reviews, validation_data=wrong
        )


def test_nothing_left_to_train_on():
    with pytest.raises(data.DataError, match="Received: 0 texts"):
        ulmfit.finetune_language_model(
            _language_model(), ["good", "bad"], validation_fraction=0.99
        )


@pytest.mark.parametrize(
    "problem_type, labels",
    [("multi_label", [["g"], ["b"]] * 4), ("regression", [1.0, 2.0] * 4)],
)
def test_only_classes_are_weighed(problem_type, labels):
    with pytest.raises(ValueError, match=f"problem_type='{problem_type}'"):
        ulmfit.train_classifier(
            _language_model(),
            ["good", "bad"] * 4,
            labels,
            problem_type=problem_type,
            class_weight="balanced",
        )


@pytest.mark.logic
def test_divergence_is_an_error(reviews):
    options = {"epochs": 2, "learning_rate": 1e38, "verbose": 0}
    language_model = _language_model()
    with pytest.raises(ValueError, match="diverged.*learning_rate=1e"):
        ulmfit.finetune_language_model(language_model, reviews[0], **options)
    # To be tried again with.
    assert max(np.abs(w).max() for w in language_model.get_weights()) < 10
    with pytest.raises(ValueError, match="diverged.*learning_rate=1e"):
        ulmfit.train_classifier(_language_model(), *reviews, **options)


@pytest.mark.logic
def test_a_text_shorter_than_a_batch_still_trains():
    history = ulmfit.finetune_language_model(
        _language_model(), ["good", "bad"], epochs=1, verbose=0
    )
    assert np.isfinite(history.history["val_perplexity"]).all()


@pytest.mark.logic
def test_a_classifier_can_be_trained_on(reviews):
    texts, labels = reviews
    options = {"validation_fraction": 0, "settings": "small", "verbose": 0}
    first = ulmfit.train_classifier(
        _language_model(), texts, labels, epochs=1, max_tokens=50, **options
    )
    before = first.get_weights()
    # One of the two labels is enough: the classes are known.
    some = [i for i, label in enumerate(labels) if label == labels[0]]
    second = ulmfit.train_classifier(
        first,
        [texts[i] for i in some],
        [labels[0]] * len(some),
        epochs=3,
        unfreezing="all",
        **options,
    )
    assert second.labels == first.labels
    assert second.preprocessor.sequence_length == 50
    for old, new in zip(before, first.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    column = first.labels.index(labels[0])
    gained = second.predict(texts) - first.predict(texts)
    assert gained[:, column].mean() > 0.02
    # No rate, no change: it begins with what was learnt.
    third = ulmfit.train_classifier(
        first, texts, labels, epochs=1, learning_rate=1e-12, **options
    )
    for variable, other in zip(
        first.trainable_variables, third.trainable_variables, strict=True
    ):
        np.testing.assert_allclose(variable, other, atol=1e-6)
    with pytest.raises(ValueError, match="Received: 'odd' in row"):
        ulmfit.train_classifier(first, texts[:1], ["odd"], **options)
    unnamed = ulmfit.models.AWDLSTMTextClassifier(
        first.backbone, num_classes=2, preprocessor=first.preprocessor
    )
    with pytest.raises(ValueError, match="2 classes without labels"):
        ulmfit.train_classifier(unnamed, texts, labels, **options)
    with pytest.raises(ValueError, match="Received: problem_type='multi_l"):
        ulmfit.train_classifier(
            first,
            texts,
            [[x] for x in labels],
            problem_type="multi_label",
            **options,
        )


@pytest.mark.parametrize("texts, labels", [(40, 39), (39, 40)])
def test_texts_and_labels_are_as_many(reviews, texts, labels):
    with pytest.raises(ValueError, match=f"{texts} texts and {labels} labels"):
        ulmfit.train_classifier(
            _language_model(), reviews[0][:texts], reviews[1][:labels]
        )


def test_rows_of_labels_are_counted_before_some_are_held_out(reviews):
    texts, labels = reviews
    labels[37] = None
    with pytest.raises(ValueError, match="row 37: no label"):
        ulmfit.train_classifier(_language_model(), texts, labels)


@pytest.mark.logic
def test_patience_counts_from_where_all_is_unfrozen(reviews):
    recorded = keras.callbacks.History()
    ulmfit.train_classifier(
        _language_model(),
        *reviews,
        epochs=12,
        learning_rate=1e-9,
        batch_size=32,
        unfreezing="all",
        patience=1,
        callbacks=recorded,
        verbose=0,
    )
    assert len(recorded.epoch) < 6


@pytest.mark.logic
def test_rows_of_a_regression_have_as_many_numbers_as_outputs(reviews):
    texts, _ = reviews
    one, two = [[1.0], [2.0]] * 80, [[1.0, 2.0], [3.0, 4.0]] * 80
    options = {"problem_type": "regression", "epochs": 1, "verbose": 0}
    with pytest.raises(ValueError, match="validation.*1 numbers.*rows of 2"):
        ulmfit.train_classifier(
            _language_model(),
            texts,
            one,
            validation_data=(texts, two),
            **options,
        )
    classifier = ulmfit.train_classifier(
        _language_model(), texts[:8], one[:8], **options
    )
    with pytest.raises(ValueError, match="training.*1 numbers.*rows of 2"):
        ulmfit.train_classifier(classifier, texts, two, **options)


@pytest.mark.parametrize(
    "epsilon", [None, pytest.param(0.02, marks=pytest.mark.logic)]
)
def test_a_regression_learns_wherever_its_numbers_are(reviews, epsilon):
    texts, labels = reviews
    numbers = [9000.0 if label == "pos" else 8000.0 for label in labels]
    options = {
        "problem_type": "regression",
        "epochs": 12,
        "learning_rate": 0.05,
        "batch_size": 16,
        "dropout_multiplier": 0.1,
        "unfreezing": "all",
        "adversarial_epsilon": epsilon,
        "callbacks": None,
        "verbose": 0,
    }
    classifier = ulmfit.train_classifier(
        _language_model(), texts, numbers, **options
    )
    found = classifier.predict(texts)[:, 0]
    # The mean of all is 500 off, and a model that starts at 0 some 8,000.
    assert np.abs(found - numbers).mean() < 300
    options |= {"learning_rate": 1e-9, "epochs": 1}
    same = ulmfit.train_classifier(classifier, texts, numbers, **options)
    assert np.abs(same.predict(texts)[:, 0] - found).mean() < 100


@pytest.mark.parametrize(
    "wrong",
    [
        {"batch_size": 1},
        {"max_tokens": 0},
        {"max_tokens": 1},
        {"epochs": 0},
        {"validation_fraction": 1.0},
        {"validation_fraction": -0.5},
    ],
)
def test_sizes_without_sense_are_refused(reviews, wrong):
    (name, value) = next(iter(wrong.items()))
    with pytest.raises(ValueError, match=f"Received: {name}={value}"):
        ulmfit.train_classifier(_language_model(), *reviews, **wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0},
        {"bptt": 0},
        {"batch_size": 0},
        {"num_sampled": -3},
        {"validation_fraction": -0.5},
        {"validation_fraction": 1},
    ],
)
def test_stage_two_refuses_sizes_without_sense(reviews, wrong):
    (name, value) = next(iter(wrong.items()))
    with pytest.raises(ValueError, match=f"Received: {name}={value}"):
        ulmfit.finetune_language_model(_language_model(), reviews[0], **wrong)


def test_a_model_that_reads_no_texts_is_refused(reviews):
    language_model = models.AWDLSTMCausalLM(_language_model().backbone)
    with pytest.raises(ValueError, match="Received: preprocessor=None"):
        ulmfit.finetune_language_model(language_model, reviews[0])
    with pytest.raises(ValueError, match="Received: preprocessor=None"):
        ulmfit.train_classifier(language_model, *reviews)


def test_a_quantized_model_is_refused(reviews):
    language_model = _language_model()
    language_model.quantize("int8")
    with pytest.raises(ValueError, match="Received: word vectors of int8"):
        ulmfit.finetune_language_model(language_model, reviews[0])
    with pytest.raises(ValueError, match="Received: word vectors of int8"):
        ulmfit.train_classifier(language_model, *reviews)
