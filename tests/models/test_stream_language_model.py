import keras
import numpy as np
import pytest

from ulmfit_keras.data.token_stream import TokenStream
from ulmfit_keras.models.awd_lstm_backbone import AWDLSTMBackbone
from ulmfit_keras.models.awd_lstm_causal_lm import AWDLSTMCausalLM
from ulmfit_keras.models.perplexity import Perplexity
from ulmfit_keras.models.stream_language_model import StreamLanguageModel

to_numpy = keras.ops.convert_to_numpy


@pytest.fixture
def ids():
    return np.random.default_rng(0).integers(0, 30, 200).astype("int32")


def _language_model(dropout=0.0, sizes=(6, 8, 2)):
    rates = dict.fromkeys(
        [
            "output_dropout",
            "hidden_dropout",
            "input_dropout",
            "embedding_dropout",
            "weight_drop",
        ],
        dropout,
    )
    return AWDLSTMCausalLM(AWDLSTMBackbone(30, *sizes, **rates))


def _trainer(language_model, rows=2, optimizer=None, **kwargs):
    trainer = StreamLanguageModel(language_model, rows, **kwargs)
    trainer.compile(optimizer or keras.optimizers.SGD(0.0))
    return trainer


def _whole_pass(language_model, ids):
    """Losses of all tokens of a stream read in one piece, by hand."""
    hidden, _, state = language_model.backbone.encode(ids[None, :-1])
    logits = to_numpy(language_model.output_logits(hidden))[0]
    logits = logits - logits.max(-1, keepdims=True)
    log_sum = np.log(np.exp(logits).sum(-1))
    losses = log_sum - logits[np.arange(len(ids) - 1), ids[1:]]
    return losses, to_numpy(state)


def test_state_is_carried_inside_fit(ids):
    language_model = _language_model()
    trainer = _trainer(language_model, rows=1)
    stream = TokenStream(ids[:71], batch_size=1, bptt=10)
    trainer.fit(stream, verbose=0)
    _, state = _whole_pass(language_model, ids[:71])
    np.testing.assert_allclose(
        to_numpy(trainer.training_state), state, atol=1e-6
    )


def test_windows_are_read_in_the_order_of_the_stream(ids):
    class Recording(TokenStream):
        read = []

        def __getitem__(self, index):
            self.read.append((self.epoch, index))
            return super().__getitem__(index)

    stream = Recording(ids, 2, 10, epochs=2)
    # The optimizer is not built, so Keras looks at the stream beforehand.
    _trainer(_language_model()).fit(stream, epochs=2, verbose=0)
    windows = [(e, i) for e in range(2) for i in range(len(stream))]
    order = iter(stream.read)
    assert all(window in order for window in windows)


@pytest.mark.parametrize(
    ("bptt", "num_sampled"), [(5, None), (7, 4), (199, None), (300, 4)]
)
def test_perplexity_is_exact_however_the_stream_is_cut(ids, bptt, num_sampled):
    language_model = _language_model()
    trainer = _trainer(language_model, rows=1, num_sampled=num_sampled)
    result = trainer.evaluate(
        TokenStream(ids, 1, bptt), verbose=0, return_dict=True
    )
    losses, _ = _whole_pass(language_model, ids)
    assert result["perplexity"] == pytest.approx(
        np.exp(losses.mean()), rel=1e-5
    )


def test_training_in_chunks_is_the_same(ids):
    stream = TokenStream(ids, 2, 10)
    first = _language_model()
    second = _language_model()
    second.set_weights(first.get_weights())
    histories = [
        _trainer(
            language_model,
            optimizer=keras.optimizers.SGD(0.5),
            chunk_size=chunk_size,
        ).fit(stream, epochs=2, validation_data=stream, verbose=0)
        for language_model, chunk_size in ((first, None), (second, 7))
    ]
    for name, values in histories[0].history.items():
        np.testing.assert_allclose(values, histories[1].history[name], 1e-5)
    for a, b in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


@pytest.mark.parametrize("num_sampled", [None, 5])
def test_it_trains_eagerly_for_whoever_looks_for_a_fault(ids, num_sampled):
    trainer = _trainer(_language_model(), num_sampled=num_sampled)
    trainer.compile(keras.optimizers.Adam(0.05), run_eagerly=True)
    stream = TokenStream(ids[:61], 2, 10)
    history = trainer.fit(
        stream, epochs=4, validation_data=stream, verbose=0
    ).history
    assert history["val_loss"][-1] < history["val_loss"][0]


def test_evaluation_leaves_the_training_state_alone(ids):
    trainer = _trainer(_language_model())
    stream = TokenStream(ids, 2, 10)
    trainer.fit(stream, verbose=0)
    before = to_numpy(trainer.training_state).copy()
    first = trainer.evaluate(stream, verbose=0)
    assert trainer.evaluate(stream, verbose=0) == first
    np.testing.assert_array_equal(to_numpy(trainer.training_state), before)


def test_rows_that_start_begin_at_zero(ids):
    trainer = _trainer(_language_model())
    inputs = {
        "token_ids": ids[:20].reshape(2, 10),
        "starts": np.array([1.0, 0.0], "float32"),
    }
    fresh = to_numpy(trainer(inputs))
    again = to_numpy(trainer(inputs))
    np.testing.assert_allclose(again[0], fresh[0], atol=1e-6)
    assert np.abs(again[1] - fresh[1]).max() > 1e-4


def test_no_gradient_flows_into_the_batch_before(ids):
    # The first batch's tokens get no update from the second batch's loss.
    language_model = _language_model()
    trainer = _trainer(
        language_model,
        rows=1,
        optimizer=keras.optimizers.SGD(1.0),
        alpha=0.0,
        beta=0.0,
    )
    backbone = language_model.backbone

    def gradient_sources():
        before = to_numpy(backbone.token_embedding.embeddings).copy()
        inputs = {
            "token_ids": np.array([[3]]),
            "starts": np.ones(1, "float32"),
        }
        trainer.train_on_batch(inputs, np.array([[-1]]))
        inputs = {
            "token_ids": np.array([[4]]),
            "starts": np.zeros(1, "float32"),
        }
        trainer.train_on_batch(inputs, np.array([[5]]))
        return to_numpy(backbone.token_embedding.embeddings) - before

    moved = gradient_sources()
    # Output rows all move through the softmax; what the encoder adds to row
    # 4 but not to row 3 shows in the direction of the update.
    output_direction = moved[10] / np.linalg.norm(moved[10])
    residual = moved - (moved @ output_direction)[:, None] * output_direction
    assert np.linalg.norm(residual[3]) < 1e-6
    assert np.linalg.norm(residual[4]) > 1e-5


def test_training_learns_and_sampled_training_reports_no_perplexity(ids):
    repeated = np.tile(np.arange(10, dtype="int32"), 60)
    trainer = _trainer(
        _language_model(0.05, sizes=(16, 16, 1)),
        rows=4,
        optimizer=keras.optimizers.Adam(0.02),
        num_sampled=15,
    )
    history = trainer.fit(
        TokenStream(repeated, 4, 15),
        epochs=20,
        verbose=0,
        validation_data=TokenStream(repeated, 4, 15),
    ).history
    assert history["val_perplexity"][-1] < 8
    assert set(history) == {"loss", "val_loss", "val_perplexity"}
    assert np.isfinite(history["loss"]).all()


def test_a_stream_is_trained_on_again(ids):
    """In the middle of a pass two windows of one length may come first."""
    trainer = _trainer(_language_model(), rows=1)
    stream = TokenStream(
        ids, 1, 20, random_length=True, epochs=2, steps_per_epoch=3, seed=4
    )
    first, second, third = stream.lengths[15:18]  # of the last epoch
    assert first == second != third
    for _ in range(2):
        trainer.fit(stream, epochs=6, verbose=0)


def test_perplexity_weighs_batches_by_their_tokens():
    metric = Perplexity()
    assert np.isnan(float(metric.result()))
    metric.update_state(np.log(2.0) * 9, 9)
    metric.update_state(np.log(32.0) * 1, 1)
    expected = np.exp((np.log(2) * 9 + np.log(32)) / 10)
    assert float(metric.result()) == pytest.approx(expected, rel=1e-6)


def test_it_is_saved_with_the_language_model(ids, tmp_path):
    trainer = _trainer(_language_model(), alpha=3.0, chunk_size=None)
    stream = TokenStream(ids, 2, 5)
    trainer.fit(stream, verbose=0)
    trainer.save(tmp_path / "trainer.keras")
    loaded = keras.models.load_model(tmp_path / "trainer.keras")
    assert loaded.regularization.alpha == 3.0
    assert loaded.chunk_size is None
    expected = trainer.evaluate(stream, verbose=0)
    assert loaded.evaluate(stream, verbose=0) == pytest.approx(expected)


def test_streams_of_unequal_rows(random_language_model, ids):
    """Of a model with a preprocessor, which Keras on JAX builds by a batch."""
    trainer = _trainer(random_language_model(["good", "film"]), rows=2)
    ids = ids % trainer.language_model.backbone.vocabulary_size
    valid = TokenStream(ids, 3, 7)
    expected = trainer.fit(
        TokenStream(ids, 2, 7),
        validation_data=TokenStream(ids, 2, 7),
        verbose=0,
    ).history["val_perplexity"]
    trainer = _trainer(trainer.language_model, rows=2, evaluation_batch_size=3)
    found = trainer.fit(
        TokenStream(ids, 2, 7), validation_data=valid, verbose=0
    ).history["val_perplexity"]
    assert found == pytest.approx(expected, rel=0.05)
    assert to_numpy(trainer.training_state).any()
    assert to_numpy(trainer.evaluation_state).any()


@pytest.mark.parametrize(
    "wrong",
    [
        {"batch_size": 0},
        {"evaluation_batch_size": 0},
        {"num_sampled": -3},
        {"chunk_size": -1},
    ],
)
def test_sizes_without_sense_are_refused(wrong):
    ((name, value),) = wrong.items()
    with pytest.raises(ValueError, match=f"Received: {name}={value}"):
        StreamLanguageModel(_language_model(), **{"batch_size": 2, **wrong})


# Keras transposes a one-dimensional scale in a way that torch dislikes.
@pytest.mark.filterwarnings("ignore:.*The use of `x.T`:UserWarning")
@pytest.mark.parametrize("mode", ["int8", "int4"])
def test_a_quantized_model_is_evaluated_by_its_logits(ids, mode):
    language_model = _language_model()
    language_model.quantize(mode)
    stream = TokenStream(ids, 1, 10)
    trainer = _trainer(language_model, rows=1)
    result = trainer.evaluate(stream, verbose=0, return_dict=True)
    losses, _ = _whole_pass(language_model, ids)
    assert result["loss"] == pytest.approx(losses.mean(), rel=1e-4)
    with pytest.raises(ValueError, match=f"Received: word vectors of {mode}"):
        trainer.fit(stream, verbose=0)
    with pytest.raises(ValueError, match=f"Received: word vectors of {mode}"):
        _ = language_model.output_embeddings


def test_a_stream_has_the_rows_of_the_state(ids):
    trainer = _trainer(_language_model())
    with pytest.raises(ValueError, match="batch_size=2, .*stream of 3"):
        trainer.fit(TokenStream(ids, 3, 5), verbose=0)
    with pytest.raises(ValueError, match="evaluation_batch_size=2, "):
        trainer.evaluate(TokenStream(ids, 1, 5), verbose=0)
    with pytest.raises(ValueError, match="evaluation_batch_size=2, "):
        trainer.fit(
            TokenStream(ids, 2, 5),
            validation_data=TokenStream(ids, 3, 5),
            verbose=0,
        )
