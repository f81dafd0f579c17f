import keras
import numpy as np
import pytest
from keras import ops

from ulmfit_keras.models import DROPOUT_RATES
from ulmfit_keras.models import AWDLSTMBackbone

to_numpy = ops.convert_to_numpy


@pytest.fixture
def backbone(make_backbone):
    return make_backbone()


@pytest.fixture
def token_ids():
    return np.random.default_rng(1).integers(0, 22, (3, 9)).astype("int32")


def test_equals_a_stack_of_keras_lstms(backbone, token_ids):
    x = to_numpy(backbone.token_embedding.embeddings)[token_ids]
    for layer in backbone.lstm_layers:
        lstm = keras.layers.LSTM(layer.units, return_sequences=True)
        lstm.build(x.shape)
        lstm.set_weights(layer.get_weights())
        x = lstm(x)
    inputs = {"token_ids": token_ids, "padding_mask": np.ones_like(token_ids)}
    np.testing.assert_allclose(
        to_numpy(backbone(inputs)), to_numpy(x), atol=1e-6
    )


def test_pieces_with_carried_state_equal_one_pass(backbone, token_ids):
    dropped, raw, state = backbone.encode(token_ids)
    first, _, carried = backbone.encode(token_ids[:, :4])
    second, _, last = backbone.encode(token_ids[:, 4:], carried)
    np.testing.assert_allclose(to_numpy(dropped), to_numpy(raw))
    np.testing.assert_allclose(
        np.concatenate([to_numpy(first), to_numpy(second)], axis=1),
        to_numpy(dropped),
        atol=1e-6,
    )
    np.testing.assert_allclose(to_numpy(last), to_numpy(state), atol=1e-6)
    assert last.shape == (3, backbone.state_size)


def test_steps_equal_the_whole_sequence(backbone, token_ids):
    outputs, _, last_state = backbone.encode(token_ids)
    state = np.zeros((3, backbone.state_size), "float32")
    for t in range(token_ids.shape[1]):
        hidden, state = backbone.encode_step(token_ids[:, t], state)
        np.testing.assert_allclose(
            to_numpy(hidden), to_numpy(outputs)[:, t], atol=1e-6
        )
    np.testing.assert_allclose(to_numpy(state), to_numpy(last_state), atol=1e-6)


def test_layer_groups_hold_every_weight_once(backbone):
    import re

    groups = backbone.layer_groups()
    assert [name for name, _ in groups] == ["embedding", "lstm_0", "lstm_1"]
    for weight in backbone.trainable_variables:
        patterns = [p for _, patterns in groups for p in patterns]
        assert sum(bool(re.search(p, weight.path)) for p in patterns) == 1


def test_a_closed_boundary_stops_the_gradient(
    backbone, token_ids, gradients_of, stateless_loss
):
    inputs = {"token_ids": token_ids, "padding_mask": np.ones_like(token_ids)}
    groups = ["token_embedding", "lstm_0", "lstm_1"]
    for boundary in backbone.boundaries:
        boundary.closed = True
        loss = stateless_loss(backbone, inputs, lambda x: ops.sum(x**2))
        gradients = gradients_of(
            loss, [to_numpy(v) for v in backbone.trainable_variables]
        )
        boundary.closed = False
        for variable, gradient in zip(
            backbone.trainable_variables, gradients, strict=True
        ):
            group = groups.index(variable.path.split("/")[-2])
            is_below = group < boundary.groups_below
            assert np.any(gradient) != is_below, variable.path


def test_every_dropout_rate_takes_effect(backbone, token_ids):
    names = list(DROPOUT_RATES["paper"])
    backbone.set_dropout(dict.fromkeys(names, 0.0))
    plain = to_numpy(backbone.encode(token_ids, training=True)[0])
    np.testing.assert_allclose(
        plain, to_numpy(backbone.encode(token_ids)[0]), atol=1e-6
    )
    for name in names:
        backbone.set_dropout({**dict.fromkeys(names, 0.0), name: 0.9})
        dropped = to_numpy(backbone.encode(token_ids, training=True)[0])
        assert np.abs(dropped - plain).max() > 1e-3, name
        assert np.allclose(to_numpy(backbone.encode(token_ids)[0]), plain)


def test_dropout_rates_are_saved_and_multiplied(backbone):
    backbone.set_dropout("fastai_language_model", multiplier=0.5)
    copy = AWDLSTMBackbone.from_config(backbone.get_config())
    assert copy.dropout_rates["weight_drop"] == 0.1
    assert copy.lstm_layers[1].weight_drop == 0.1
    assert copy.hidden_dropouts[0].rate == 0.075
    backbone.set_dropout({"input_dropout": 0.6})
    assert backbone.input_dropout.rate == 0.6
    assert backbone.dropout_rates["weight_drop"] == 0.1


@pytest.mark.parametrize(
    ("rates", "multiplier"),
    [("papers", 1.0), ({"dropout": 0.1}, 1.0), ("paper", 2.0)],
)
def test_wrong_dropout_rates_are_refused(backbone, rates, multiplier):
    with pytest.raises(ValueError, match="Received"):
        backbone.set_dropout(rates, multiplier)
