import json
import re
import sys

import keras
import numpy as np
import pytest
from keras import ops

from ulmfit_keras.data import LengthBuckets
from ulmfit_keras.layers import GradientBoundary
from ulmfit_keras.models import AdversarialTraining
from ulmfit_keras.optimizers import layer_groups

to_numpy = ops.convert_to_numpy


def test_prediction_does_not_depend_on_the_batch(classifier, texts):
    together = classifier.predict(texts)
    assert together.shape == (len(texts), 3)
    np.testing.assert_allclose(together.sum(1), 1.0, atol=1e-6)
    assert np.ptp(together, axis=0).max() > 0.01
    for batch_size in (1, 3):
        np.testing.assert_allclose(
            classifier.predict(texts, batch_size=batch_size),
            together,
            atol=1e-5,
        )
    order = np.random.default_rng(0).permutation(len(texts))
    np.testing.assert_allclose(
        classifier.predict([texts[i] for i in order]),
        together[order],
        atol=1e-5,
    )
    np.testing.assert_allclose(
        classifier.predict(texts[0]), together[:1], atol=1e-5
    )


def test_all_forms_of_documents_give_the_same(classifier, texts):
    expected = classifier.predict(texts)
    ids = classifier.preprocessor.token_ids(texts)
    assert ids[1] == [classifier.preprocessor.tokenizer.start_token_id]
    forms = [
        np.array(texts),
        np.array(texts, dtype=object),
        [text.encode() for text in texts],
        ids,
        [np.array(row) for row in ids],
        classifier.preprocessor(texts),
    ]
    for form in forms:
        np.testing.assert_allclose(
            classifier.predict(form), expected, atol=1e-5
        )
    assert classifier.predict([]).shape == (0, 3)


def test_long_documents_are_cut_off(classifier):
    classifier.preprocessor.sequence_length = 5
    long, short = "good bad film it very very", "good bad film it"
    found = classifier.predict([long, short])
    np.testing.assert_allclose(found[0], found[1], atol=1e-6)
    ids = classifier.preprocessor.token_ids([long])
    assert len(ids[0]) == 5
    np.testing.assert_allclose(
        classifier.predict([[*ids[0], 9, 9, 9]]), found[:1], atol=1e-6
    )


def test_max_length_does_not_change_predictions(make_classifier):
    long = ["it was good , very good . not a bad film ! " * 4, "good"]
    classifier = make_classifier()
    batch = classifier.preprocessor(long)
    np.testing.assert_allclose(
        make_classifier(max_length=9).predict(batch),
        classifier.predict(batch),
        atol=1e-6,
    )


@pytest.mark.parametrize("documents", [["good", [2, 9]], [None], [[]]])
def test_documents_of_no_sense_are_refused(classifier, documents):
    with pytest.raises(ValueError, match="Received"):
        classifier.predict(documents)


def test_texts_without_preprocessor_are_refused(classifier):
    classifier.preprocessor = None
    with pytest.raises(ValueError, match="reads token ids"):
        classifier.predict(["good"])


def test_fit_on_texts_learns(make_classifier):
    classifier = make_classifier(num_classes=2)
    classifier.compile(keras.optimizers.Adam(0.01))
    classifier.backbone.set_dropout(multiplier=0.0)
    texts = ["good film", "very good !", "bad film", "very bad !"] * 8
    targets = [1, 1, 0, 0] * 8
    history = classifier.fit(
        texts,
        targets,
        batch_size=16,
        epochs=25,
        validation_data=(texts[:4], targets[:4]),
        verbose=0,
    )
    assert history.history["val_sparse_categorical_accuracy"][-1] == 1.0
    loss, accuracy = classifier.evaluate(texts, targets, verbose=0)
    assert accuracy == 1.0
    assert loss == pytest.approx(history.history["val_loss"][-1], abs=0.1)
    assert (classifier.predict(texts).argmax(1) == targets).all()


def test_kerashub_data_sets_give_the_same_batches(classifier, texts):
    tf = pytest.importorskip("tensorflow")
    targets = np.arange(len(texts)) % 3
    expected = classifier.evaluate(texts, targets, verbose=0)
    dataset = tf.data.Dataset.from_tensor_slices((texts, targets))
    np.testing.assert_allclose(
        classifier.evaluate(dataset.batch(3), verbose=0), expected, atol=1e-5
    )
    # One batch each, since JAX compiles every shape.
    classifier.fit(dataset.batch(8), verbose=0)
    np.testing.assert_allclose(
        classifier.predict(
            tf.data.Dataset.from_tensor_slices(texts).batch(8), verbose=0
        ),
        classifier.predict(texts),
        atol=1e-5,
    )


def test_preprocessor_gives_one_text_without_batch(classifier):
    x = classifier.preprocessor("good film")
    assert x["token_ids"].shape == (8,)
    assert x["token_ids"].tolist()[:3] == [2, 9, 11]
    assert x["padding_mask"].sum() == 3


def test_logits_model_shares_the_weights(classifier, texts):
    trainer = classifier.logits_model(alpha=2.0, beta=1.0)
    ids = classifier.preprocessor.token_ids(texts)
    batches = LengthBuckets(ids, np.arange(len(ids)) % 3, batch_size=8)
    inputs, targets = batches[0]
    probabilities = to_numpy(ops.softmax(trainer(inputs)))
    np.testing.assert_allclose(
        probabilities, classifier.predict(inputs), atol=1e-6
    )
    before = classifier.predict(texts)
    trainer.compile(
        keras.optimizers.SGD(0.1),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    trainer.fit(batches, verbose=0)
    assert np.abs(classifier.predict(texts) - before).max() > 1e-3


def test_regularization_adds_to_the_training_loss(classifier, texts):
    inputs = classifier.preprocessor(texts)
    losses = {}
    for alpha in (0.0, 2.0):
        model = classifier.logits_model(alpha=alpha)
        model(inputs, training=True)
        losses[alpha] = sum(to_numpy(loss) for loss in model.losses)
    assert losses[0.0] == 0
    assert losses[2.0] > 0.01


def test_logits_model_shows_the_boundaries(classifier):
    trainer = classifier.logits_model()
    boundaries = [
        layer
        for layer in trainer._flatten_layers()
        if isinstance(layer, GradientBoundary)
    ]
    assert sorted(b.groups_below for b in boundaries) == [1, 2, 3]
    names = [name for name, _ in classifier.layer_groups()]
    assert names == ["embedding", "lstm_0", "lstm_1", "head"]


def test_layer_groups_hold_every_weight_once(classifier):
    groups = classifier.layer_groups()
    for weight in classifier.trainable_variables:
        patterns = [p for _, patterns in groups for p in patterns]
        assert sum(bool(re.search(p, weight.path)) for p in patterns) == 1


@pytest.mark.parametrize(
    ("problem_type", "targets"),
    [
        ("multi_label", np.array([[0, 1, 1], [1, 0, 0]])),
        ("regression", np.array([[0.0, 5.0, -1.0], [3.0, 0.0, 9.0]])),
    ],
)
def test_other_problem_types(make_classifier, problem_type, targets):
    classifier = make_classifier(problem_type=problem_type)
    logits = to_numpy(
        classifier.logits_model()(classifier.preprocessor(["good", "bad"]))
    )
    outputs = classifier.predict(["good", "bad"])
    if problem_type == "multi_label":
        expected = 1 / (1 + np.exp(-logits))
    else:
        expected = logits
    np.testing.assert_allclose(outputs, expected, atol=1e-5)
    history = classifier.fit(
        ["good", "bad"] * 4, np.tile(targets, (4, 1)), epochs=6, verbose=0
    )
    assert history.history["loss"][-1] < history.history["loss"][0]


@pytest.mark.parametrize(
    "wrong",
    [
        {"problem_type": "ranking"},
        {"num_classes": 1},
        {"labels": ["a", "b"]},
        {"labels": ["a", "a", "b"]},
    ],
)
def test_wrong_classes_are_refused(make_classifier, wrong):
    with pytest.raises(ValueError, match="Received"):
        make_classifier(**wrong)


def test_names_that_are_numbers_are_kept_as_such(make_classifier):
    labels = make_classifier(labels=np.arange(3)).labels
    assert labels == [0, 1, 2] and json.dumps(labels) == "[0, 1, 2]"


def test_training_views_have_the_groups_of_the_classifier(classifier):
    groups = classifier.layer_groups()
    assert layer_groups(classifier.logits_model()) == groups
    assert layer_groups(AdversarialTraining(classifier)) == groups


def test_batches_of_a_data_set_have_the_size_asked_for(classifier, texts):
    counted = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: batches.append(batch),
        on_test_batch_end=lambda batch, logs: batches.append(batch),
        on_predict_batch_end=lambda batch, logs: batches.append(batch),
    )
    x = classifier.preprocessor(texts * 4)
    y = np.zeros(len(texts) * 4)
    options = {"batch_size": len(texts), "verbose": 0, "callbacks": [counted]}
    for run in (
        lambda: classifier.fit(x, y, **options),
        lambda: classifier.evaluate(x, y, **options),
        lambda: classifier.predict(x, **options),
    ):
        batches = []
        run()
        assert len(batches) == 4


def test_long_texts_cost_no_room_in_the_others(classifier, monkeypatch):
    def no_array(x, *args):
        raise AssertionError("texts in an array")

    module = sys.modules[type(classifier.preprocessor).__module__]
    monkeypatch.setattr(module.np, "asarray", no_array)
    assert classifier.preprocessor.preprocess(["a", "a b"])


@pytest.mark.parametrize("form", [list, np.array])
def test_the_last_texts_are_held_out(make_classifier, texts, form):
    targets = np.arange(len(texts)) % 2
    weights = np.linspace(1, 2, len(texts))
    held_out = len(texts) // 3

    def val_loss(x, y, weights, **kwargs):
        keras.utils.set_random_seed(0)
        return (
            make_classifier()
            .fit(x, y, sample_weight=weights, verbose=0, **kwargs)
            .history["val_loss"]
        )

    cut = len(texts) - held_out
    expected = val_loss(
        texts[:cut],
        targets[:cut],
        weights[:cut],
        # A list of the three, as KerasHub takes it.
        validation_data=[texts[cut:], targets[cut:], weights[cut:]],
    )
    share = held_out / len(texts)
    assert expected == val_loss(
        form(texts), list(targets), weights, validation_split=share
    )
    with pytest.raises(ValueError, match="Received: validation_split=0.999"):
        val_loss(texts, targets, weights, validation_split=0.999)


def test_validation_data_of_another_kind(make_classifier, texts):
    tf = pytest.importorskip("tensorflow")
    y = np.arange(len(texts)) % 2
    raw = tf.data.Dataset.from_tensor_slices((texts, y)).batch(2)
    classifier = make_classifier()
    pairs = [(raw, None, (texts, y)), (texts, y, raw), (texts, y, (texts, y))]
    losses = [
        classifier.fit(
            x, y, validation_data=valid, epochs=1, verbose=0, callbacks=[]
        ).history["val_loss"][0]
        for x, y, valid in pairs
    ]
    assert np.isfinite(losses).all()
    with pytest.raises(ValueError, match="must be of the kind of `x`"):
        classifier.fit(
            raw, validation_data=LengthBuckets([[2, 5]], np.zeros(1)), verbose=0
        )


@pytest.mark.parametrize("shuffle", [True, False])
def test_texts_are_shuffled_unless_asked_not_to(
    classifier, texts, shuffle, monkeypatch
):
    seen = []
    fit = keras.Model.fit

    def recording(model, x, *args, **kwargs):
        seen.append(x)
        return fit(model, x, *args, **kwargs)

    monkeypatch.setattr(keras.Model, "fit", recording)
    targets = np.zeros(len(texts), "int32")
    classifier.fit(texts, targets, shuffle=shuffle, verbose=0)
    assert [batches.shuffle for batches in seen] == [shuffle]
