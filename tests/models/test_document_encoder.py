import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from keras import ops

from ulmfit_keras.models.document_encoder import DocumentEncoder
from ulmfit_keras.models.document_encoder import reverse_documents

to_numpy = ops.convert_to_numpy


def random_ids(rows, length):
    random = np.random.default_rng(0)
    return random.integers(3, 22, (rows, length)).astype("int32")


def test_3000_tokens_in_chunks_equal_one_pass(make_backbone):
    backbone = make_backbone()
    token_ids = random_ids(2, 3000)
    outputs = DocumentEncoder(backbone, max_length=1400)(
        token_ids, np.ones_like(token_ids)
    )
    whole = backbone.encode(token_ids)[:2]
    for piecewise, expected in zip(outputs, whole, strict=True):
        np.testing.assert_allclose(
            to_numpy(piecewise), to_numpy(expected), atol=1e-5
        )


def test_logits_of_3000_tokens_in_chunks_equal_one_pass(make_classifier):
    token_ids = random_ids(2, 3000)
    mask = np.ones_like(token_ids)
    # The second document ends within the second of three pieces.
    token_ids[1, 1700:], mask[1, 1700:] = 0, 0
    inputs = {"token_ids": token_ids, "padding_mask": mask}
    in_chunks, whole = (
        make_classifier(max_length=max_length)
        .logits_model()
        .predict(inputs, verbose=0)
        for max_length in (1400, 3000)
    )
    assert np.abs(whole[0] - whole[1]).max() > 0.01
    np.testing.assert_allclose(in_chunks, whole, atol=1e-5)


@pytest.mark.parametrize("length", [4, 10, 25])
def test_a_graph_of_unknown_length_gives_the_same(make_backbone, length):
    if keras.backend.backend() != "tensorflow":
        pytest.skip("only TensorFlow has graphs of unknown length")
    import tensorflow as tf

    encoder = DocumentEncoder(make_backbone(), max_length=10)
    token_ids = random_ids(2, length)
    mask = np.ones_like(token_ids)
    unknown = tf.TensorSpec((None, None), "int32")
    graph = tf.function(encoder, input_signature=[unknown, unknown])
    for found, expected in zip(
        graph(token_ids, mask), encoder(token_ids, mask), strict=True
    ):
        np.testing.assert_allclose(
            to_numpy(found), to_numpy(expected), atol=1e-6
        )


def test_the_gradient_reaches_the_last_tokens_only(
    make_backbone, gradients_of, stateless_loss
):
    backbone = make_backbone()
    encoder = DocumentEncoder(backbone, max_length=5)
    token_ids = random_ids(2, 12)
    inputs = (token_ids, np.ones_like(token_ids))
    weights = [to_numpy(v) for v in backbone.trainable_variables]

    def encoder_gradients(loss_of_outputs):
        fixed = [v.value for v in encoder.non_trainable_variables]

        def loss(*weights):
            outputs, _ = encoder.stateless_call(list(weights), fixed, *inputs)
            return loss_of_outputs(outputs[0]) + sum(
                ops.sum(weight * 0) for weight in weights
            )

        return gradients_of(loss, weights)

    for gradient in encoder_gradients(lambda x: ops.sum(x[:, :7] ** 2)):
        assert not gradient.any()

    # The reference: the last tokens alone, with the state as a constant.
    state = to_numpy(backbone.encode(token_ids[:, :7])[2])

    class LastTokens(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.backbone = backbone
            self.built = True

        def call(self, token_ids):
            return self.backbone.encode(token_ids, state)[0]

    loss = stateless_loss(
        LastTokens(), token_ids[:, 7:], lambda x: ops.sum(x**2)
    )
    for found, expected in zip(
        encoder_gradients(lambda x: ops.sum(x[:, 7:] ** 2)),
        gradients_of(loss, weights),
        strict=True,
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(st.integers(0, 9), min_size=1), min_size=1))
def test_reverse_documents_equals_python(documents):
    length = max(map(len, documents)) + 1
    token_ids = np.full((len(documents), length), -1, "int32")
    expected = token_ids.copy()
    for row, document in enumerate(documents):
        token_ids[row, : len(document)] = document
        expected[row, : len(document)] = [document[0], *document[:0:-1]]
    found = reverse_documents(token_ids, (token_ids >= 0).astype("int32"))
    np.testing.assert_array_equal(to_numpy(found), expected)


def test_max_length_below_one_is_refused(make_backbone):
    with pytest.raises(ValueError, match="Received: max_length=0"):
        DocumentEncoder(make_backbone(), max_length=0)
