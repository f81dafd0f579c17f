"""The names and shapes of an AWD-LSTM's weights in files of torch."""

import numpy as np
import pytest

from ulmfit_keras.convert import CheckpointError
from ulmfit_keras.convert.awd_lstm_weights import fastai_state_dict
from ulmfit_keras.convert.awd_lstm_weights import find_weights


@pytest.fixture
def weights(formats):
    return formats.language_model_weights(num_layers=2)


def renamed(weights, *changes):
    """The weights with parts of their names changed."""
    found = {}
    for name, array in weights.items():
        for old, new in changes:
            name = name.replace(old, new)
        found[name] = array
    return found


def assert_equal(found, expected):
    np.testing.assert_array_equal(found.embeddings, expected.embeddings)
    np.testing.assert_array_equal(found.bias, expected.bias)
    assert len(found.lstms) == len(expected.lstms)
    for arrays, others in zip(found.lstms, expected.lstms, strict=True):
        for array, other in zip(arrays, others, strict=True):
            np.testing.assert_array_equal(array, other)


def test_arrays_are_transposed_and_biases_added(weights):
    found = find_weights(weights, "a.pth")
    name = "0.rnns.1."
    kernel, recurrent_kernel, bias = found.lstms[1]
    np.testing.assert_array_equal(
        kernel, weights[f"{name}module.weight_ih_l0"].T
    )
    np.testing.assert_array_equal(
        recurrent_kernel, weights[f"{name}weight_hh_l0_raw"].T
    )
    np.testing.assert_array_equal(
        bias,
        weights[f"{name}module.bias_ih_l0"]
        + weights[f"{name}module.bias_hh_l0"],
    )
    assert found.hidden_dim == 6 and found.head == {}


def test_weights_of_a_loss_are_left_out(weights):
    expected = find_weights(weights, "a.pth")
    parts = {"criterion.tail_bias": np.ones(2, np.float32)}
    assert_equal(find_weights(weights | parts, "a.pth"), expected)
    parts["criterion.tail_vectors"] = np.ones((2, 4), np.float32)
    with pytest.warns(UserWarning, match="softmax in parts.*Received: a.pth"):
        assert_equal(find_weights(weights | parts, "a.pth"), expected)


def test_all_names_in_use_are_known(weights):
    expected = find_weights(weights, "a.pth")
    older = renamed(
        weights,
        ("encoder_dp.emb", "encoder_with_dropout.embed"),
        (".weight_hh_l0_raw", ".module.weight_hh_l0_raw"),
    )
    salesforce = {
        "encoder.weight": weights["0.encoder.weight"],
        "decoder.weight": weights["1.decoder.weight"],
        "decoder.bias": weights["1.decoder.bias"],
    }
    for name, array in weights.items():
        if "rnns" in name:
            name = name.removeprefix("0.")
            name = name.replace(".weight_hh", ".module.weight_hh")
            salesforce[name] = array
    without_drop = renamed(salesforce, ("module.", ""), ("_raw", ""))
    parallel = {f"module.{name}": a for name, a in weights.items()}
    for variant in (older, salesforce, without_drop, parallel):
        assert variant.keys() != weights.keys()
        assert_equal(find_weights(variant, "a.pth"), expected)


def test_the_weight_is_the_raw_one_and_not_its_dropped_copy(weights):
    expected = find_weights(weights, "a.pth")
    for name in [name for name in weights if name.endswith("_raw")]:
        copy = name.replace(".weight_hh_l0_raw", ".module.weight_hh_l0")
        weights[copy] = weights[name] * 0
    assert_equal(find_weights(weights, "a.pth"), expected)


def test_encoders_alone_have_no_bias(weights):
    encoder = {
        name.removeprefix("0."): array
        for name, array in weights.items()
        if name.startswith("0.")
    }
    found = find_weights(encoder, "a.pth")
    np.testing.assert_array_equal(found.bias, np.zeros(len(found.embeddings)))


def test_half_precision_is_widened(weights):
    halves = {name: a.astype(np.float16) for name, a in weights.items()}
    found = find_weights(halves, "a.pth")
    assert found.embeddings.dtype == np.float32
    np.testing.assert_array_equal(
        found.embeddings, halves["0.encoder.weight"].astype(np.float32)
    )


def without(name):
    return lambda weights: weights.pop(name)


def changed(name, change):
    def apply(weights):
        weights[name] = change(weights[name])

    return apply


def added(name, *shape):
    def apply(weights):
        weights[name] = np.ones(shape, np.float32)

    return apply


def cut_all_rows(prefix, count):
    def apply(weights):
        for name in weights:
            if name.startswith(prefix):
                weights[name] = weights[name][: len(weights[name]) * count // 4]

    return apply


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (without("0.encoder.weight"), "word vectors must be there"),
        (changed("0.encoder.weight", np.ravel), "word vectors must be there"),
        (
            changed("1.decoder.weight", lambda a: a + 1e-3),
            "difference of 0.001",
        ),
        (changed("1.decoder.weight", lambda a: a[:-1]), "shapes"),
        (changed("0.encoder_dp.emb.weight", lambda a: -a), "encoder_dp"),
        (changed("1.decoder.bias", lambda a: a[:-1]), "must have shape"),
        (changed("1.decoder.bias", lambda a: a * np.nan), "must be finite"),
        (
            changed("0.rnns.1.weight_hh_l0_raw", lambda a: a / 0),
            "must be finite",
        ),
        (without("0.rnns.1.weight_hh_l0_raw"), r"without \['weight_hh'\]"),
        (without("0.rnns.0.module.bias_hh_l0"), r"without \['bias_hh'\]"),
        (
            changed("0.rnns.0.module.weight_ih_l0", lambda a: a[:, :-1]),
            "read 4 numbers",
        ),
        (
            changed("0.rnns.1.module.weight_ih_l0", lambda a: a[:, :-1]),
            "read 6 numbers",
        ),
        (changed("0.rnns.0.weight_hh_l0_raw", np.ravel), "four gates"),
        (cut_all_rows("0.rnns.0.", 3), "four gates"),  # a GRU
        (added("0.rnns.3.module.bias_ih_l0", 16), r"\[0, 1, 3\]"),
        (added("encoder.weight", 2, 2), "there once"),
        (added("0.rnns.0.layers.0.linear.weight_raw", 1), "QRNN"),
        (added("rnns.0.linear.module.weight_raw", 1), "QRNN"),
        (added("0.rnns.0.module.weight_ih_l0_reverse", 1), "bidirectional"),
        (added("0.rnns.0.module.weight_ih_l1", 1), "weight_ih_l1"),
        (added("transformer.h.0.attn.weight", 1), "AWD-LSTM"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_other_weights_are_refused(weights, damage, message):
    damage(weights)
    with pytest.raises(CheckpointError, match=message) as error:
        find_weights(weights, "a.pth")
    assert "Received: a.pth, with" in str(error.value)


def test_no_lstm_is_refused(formats, weights):
    only = {"encoder.weight": weights["0.encoder.weight"]}
    with pytest.raises(CheckpointError, match="numbers \\[\\]"):
        find_weights(only, "a.pth")


def test_last_lstm_must_fit_the_word_vectors(formats, weights):
    lower = {n: a for n, a in weights.items() if "rnns.1" not in n}
    with pytest.raises(CheckpointError, match=r"sizes \[6\]"):
        find_weights(lower, "a.pth")


def test_fastai_state_dict_is_the_inverse(weights):
    found = find_weights(weights, "a.pth")
    back = fastai_state_dict(found.embeddings, found.lstms, found.bias)
    assert list(back) == list(weights)
    assert_equal(find_weights(back, "b.pth"), found)
    for name, array in weights.items():
        assert back[name].shape == array.shape
        if "rnns" not in name or "weight" in name:
            np.testing.assert_array_equal(back[name], array)
