import keras
import numpy as np
import pytest
from keras import ops

from ulmfit_keras import models

to_numpy = ops.convert_to_numpy


@pytest.fixture
def prompts():
    token_ids = np.random.default_rng(2).integers(3, 22, (3, 11))
    lengths = np.array([[3], [5], [4]])
    mask = (np.arange(11) < lengths).astype("int32")
    return {
        "token_ids": (token_ids * mask).astype("int32"),
        "padding_mask": mask,
    }


def generate(language_model, prompts, sampler, **kwargs):
    language_model.compile(sampler=sampler)
    outputs = language_model.generate(prompts, **kwargs)
    return {name: np.asarray(value) for name, value in outputs.items()}


def without_preprocessor(language_model):
    language_model.preprocessor = None
    return language_model


def test_word_vectors_are_the_output_weights(
    language_model, gradients_of, prompts
):
    backbone = language_model.backbone
    shape = (backbone.vocabulary_size, backbone.embedding_dim)
    variables = language_model.trainable_variables
    assert [v.shape for v in variables].count(shape) == 1

    fixed = [v.value for v in language_model.non_trainable_variables]
    values = [to_numpy(v) for v in variables]
    place = [v.shape for v in variables].index(shape)
    bias = ops.copy(language_model.output_bias.value)

    def tied(embeddings):
        weights = [*values[:place], embeddings, *values[place + 1 :]]
        logits, _ = language_model.stateless_call(weights, fixed, prompts)
        return ops.sum(ops.log_softmax(logits)[:, :, 3])

    def untied(inputs, outputs):
        weights = [
            inputs if v is language_model.output_embeddings else v.value
            for v in backbone.trainable_variables
        ]
        fixed = [v.value for v in backbone.non_trainable_variables]
        hidden, _ = backbone.stateless_call(weights, fixed, prompts)
        logits = ops.matmul(hidden, ops.transpose(outputs)) + bias
        return ops.sum(ops.log_softmax(logits)[:, :, 3])

    (both,) = gradients_of(tied, [values[place]])
    parts = gradients_of(untied, [values[place], values[place]])
    np.testing.assert_allclose(both, sum(parts), rtol=1e-4, atol=1e-4)


def test_words_are_as_probable_as_they_are_frequent(language_model, prompts):
    words = language_model.backbone.vocabulary_size
    counts = np.arange(words) ** 2
    language_model.start_from_counts(counts)
    embeddings = language_model.output_embeddings
    embeddings.assign(np.zeros(embeddings.shape))
    found = ops.softmax(language_model(prompts))
    expected = np.broadcast_to((counts + 1) / (counts + 1).sum(), found.shape)
    np.testing.assert_allclose(to_numpy(found), expected, rtol=1e-5)


@pytest.mark.parametrize("counts", [np.ones(3), np.full(22, -1)])
def test_counts_must_be_those_of_the_vocabulary(language_model, counts):
    with pytest.raises(ValueError, match=r"shape \(22,\).*Received: shape"):
        language_model.start_from_counts(counts)


def test_greedy_generation_equals_full_recomputation(language_model, prompts):
    without_preprocessor(language_model)
    outputs = generate(language_model, prompts, "greedy", stop_token_ids=None)[
        "token_ids"
    ]
    expected = prompts["token_ids"].copy()
    for row, length in enumerate(prompts["padding_mask"].sum(1)):
        for t in range(length, expected.shape[1]):
            # What stands after t does not matter, and is left as it is to
            # keep the shape.
            hidden, _, _ = language_model.backbone.encode(
                expected[row : row + 1]
            )
            logits = language_model.output_logits(hidden)
            expected[row, t] = to_numpy(logits)[0, t - 1].argmax()
    np.testing.assert_array_equal(outputs, expected)


def test_ragged_batch_equals_one_by_one(language_model, prompts):
    without_preprocessor(language_model)
    together = generate(language_model, prompts, "greedy", stop_token_ids=None)[
        "token_ids"
    ]
    for row in range(3):
        alone = language_model.generate(
            {name: value[row : row + 1] for name, value in prompts.items()},
            stop_token_ids=None,
        )["token_ids"]
        np.testing.assert_array_equal(np.asarray(alone)[0], together[row])


def test_a_text_ends_with_its_first_new_stop_token(language_model, prompts):
    without_preprocessor(language_model)
    free = generate(language_model, prompts, "greedy", stop_token_ids=None)
    stop = int(free["token_ids"][0, 6])
    outputs = language_model.generate(prompts, stop_token_ids=[stop])
    mask = np.asarray(outputs["padding_mask"]).astype(bool)
    lengths = prompts["padding_mask"].sum(1)
    for row, ids in enumerate(np.asarray(outputs["token_ids"])):
        new = ids[lengths[row] :]
        new = new[mask[row, lengths[row] :]]
        assert mask[row, : lengths[row]].all()
        assert stop not in new[:-1]
    new_of_first = free["token_ids"][0, lengths[0] :].tolist()
    assert mask[0].sum() == lengths[0] + new_of_first.index(stop) + 1


@pytest.mark.parametrize(
    "sampler", ["top_k", "top_p", "beam", "contrastive", "random"]
)
def test_samplers_continue_the_prompts(language_model, prompts, sampler):
    without_preprocessor(language_model)
    outputs = generate(language_model, prompts, sampler, stop_token_ids=None)
    mask = prompts["padding_mask"].astype(bool)
    np.testing.assert_array_equal(
        outputs["token_ids"][mask], prompts["token_ids"][mask]
    )
    assert outputs["padding_mask"].all()
    assert outputs["token_ids"].max() < 22


def test_texts_go_in_and_come_out(language_model):
    language_model.compile(sampler="greedy")
    one = language_model.generate("the film", max_length=9)
    assert one.startswith("the film")
    two = language_model.generate(["the film", "it"], max_length=9)
    assert two[0] == one
    assert two[1].startswith("it")
    assert language_model.generate(b"the film", max_length=9) == one
    assert language_model.generate([], max_length=9) == []


@pytest.mark.parametrize("form", [list, np.array])
def test_texts_give_logits(language_model, texts, form):
    token_ids = language_model.preprocessor(texts)[0]["token_ids"]
    logits = language_model.predict(form(texts), verbose=0)
    vocabulary_size = language_model.backbone.vocabulary_size
    assert logits.shape == (*token_ids.shape, vocabulary_size)
    one = language_model.predict(texts[:1], verbose=0)
    np.testing.assert_allclose(logits[:1], one, atol=1e-5)


def test_fit_on_texts_learns(language_model, texts):
    language_model.compile(keras.optimizers.Adam(0.05))
    language_model.backbone.set_dropout(multiplier=0.0)
    history = language_model.fit(
        texts, batch_size=7, epochs=8, validation_data=texts, verbose=0
    )
    losses = history.history["loss"]
    assert losses[-1] < 0.9 * losses[0]
    loss, _ = language_model.evaluate(texts, verbose=0)
    assert loss == pytest.approx(history.history["val_loss"][-1], abs=1e-5)


@pytest.mark.parametrize("others", [(), (None,)])
def test_validation_texts_in_a_tuple(language_model, texts, others):
    language_model.compile(keras.optimizers.SGD(0.0))
    history = language_model.fit(
        texts, validation_data=(texts, *others), verbose=0
    ).history
    loss, _ = language_model.evaluate(texts, verbose=0)
    assert history["val_loss"] == [pytest.approx(loss, abs=1e-5)]


def test_kerashub_data_sets_of_texts_give_the_same(language_model, texts):
    tf = pytest.importorskip("tensorflow")
    dataset = tf.data.Dataset.from_tensor_slices(texts).batch(4)
    np.testing.assert_allclose(
        language_model.evaluate(dataset, verbose=0),
        language_model.evaluate(texts, verbose=0),
        atol=1e-5,
    )


@pytest.mark.parametrize("name", ["y", "sample_weight"])
def test_texts_are_their_own_targets(language_model, texts, name):
    language_model.compile()
    for method in (language_model.fit, language_model.evaluate):
        with pytest.raises(ValueError, match=rf"Received: .*{name}=\["):
            method(texts, **{name: [1.0] * len(texts)}, verbose=0)


@pytest.fixture
def backward_model(make_backbone, language_model):
    backward = models.AWDLSTMCausalLM(
        make_backbone(backwards=True), language_model.preprocessor
    )
    backward.set_weights(language_model.get_weights())
    return backward


BOTH_WAYS = [
    ("the film was good", "good was film the"),
    ("it", "it"),
    ("", ""),
    ("bad , very bad", "bad very , bad"),
]


def test_a_backward_model_reads_texts_from_their_ends(
    language_model, backward_model
):
    texts, turned = map(list, zip(*BOTH_WAYS, strict=True))
    expected = language_model.evaluate(turned, verbose=0)
    np.testing.assert_allclose(
        backward_model.evaluate(texts, verbose=0), expected, atol=1e-6
    )
    assert backward_model.evaluate(turned, verbose=0)[0] != expected[0]
    # As in the stream of `token_ids`, but for the `xxbos` at the end.
    x, y, _ = backward_model.preprocessor(texts)
    for row, target, ids in zip(
        np.asarray(x["token_ids"]),
        np.asarray(y),
        backward_model.token_ids(texts),
        strict=True,
    ):
        np.testing.assert_array_equal(row[: len(ids)], ids)
        np.testing.assert_array_equal(target[: len(ids) - 1], ids[1:])

    for model, read in (language_model, turned), (backward_model, texts):
        model.backbone.set_dropout(multiplier=0.0)
        model.compile(keras.optimizers.SGD(0.5))
        model.fit(read, verbose=0, validation_data=read)
    for a, b in zip(
        language_model.get_weights(), backward_model.get_weights(), strict=True
    ):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_a_backward_model_reads_data_sets_of_texts_from_their_ends(
    backward_model,
):
    tf = pytest.importorskip("tensorflow")
    texts = [text for text, _ in BOTH_WAYS]
    np.testing.assert_allclose(
        backward_model.evaluate(
            tf.data.Dataset.from_tensor_slices(texts).batch(3), verbose=0
        ),
        backward_model.evaluate(texts, verbose=0),
        atol=1e-6,
    )


def test_a_backward_model_writes_what_comes_before(
    language_model, backward_model
):
    prompts = ["film good", "it"]
    # Plain words only, whose text is as it is whatever stands before.
    words = language_model.preprocessor.tokenizer.get_vocabulary()
    bias = [-1e3 * (w.startswith("xx") or not w.isalpha()) for w in words]
    for model in language_model, backward_model:
        model.output_bias.assign(bias)
        model.compile(sampler="greedy")
    options = {"max_length": 9, "stop_token_ids": None}
    forwards = language_model.generate(["good film", "it"], **options)
    backwards = backward_model.generate(prompts, **options)
    for forward, backward, prompt in zip(
        forwards, backwards, prompts, strict=True
    ):
        assert len(backward.split()) == 8
        assert backward.split() == forward.split()[::-1]
        assert backward.endswith(prompt)
    assert backward_model.generate(prompts[0], **options) == backwards[0]
    new = backward_model.generate(prompts, strip_prompt=True, **options)
    for part, whole, prompt in zip(new, backwards, prompts, strict=True):
        assert f"{part} {prompt}".split() == whole.split()


def test_models_of_both_directions_share_a_tokenizer(
    language_model, backward_model, tmp_path
):
    ours, theirs = language_model.preprocessor, backward_model.preprocessor
    assert (ours.backwards, theirs.backwards) == (False, True)
    assert ours.tokenizer is theirs.tokenizer
    assert ours.sequence_length == theirs.sequence_length
    backward_model.save(tmp_path / "model.keras")
    backward_model.save_to_preset(tmp_path / "preset")
    expected = backward_model.evaluate(["the film"], verbose=0)
    for loaded in (
        keras.saving.load_model(tmp_path / "model.keras"),
        models.AWDLSTMCausalLM.from_preset(tmp_path / "preset"),
    ):
        np.testing.assert_allclose(
            loaded.evaluate(["the film"], verbose=0), expected, atol=1e-6
        )


def test_output_bias_is_in_the_last_layer_group(language_model):
    name, patterns = language_model.layer_groups()[-1]
    assert name == "lstm_1"
    assert any("decoder_bias" in pattern for pattern in patterns)
