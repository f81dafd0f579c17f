"""What training takes of memory is foreseen, and its lack explained."""

import keras
import numpy as np
import pytest
from keras import ops
from keras import optimizers

from ulmfit_keras import data
from ulmfit_keras import models
from ulmfit_keras.models.training_memory import out_of_memory_advice
from ulmfit_keras.models.training_memory import training_memory


def make_language_model(vocabulary_size):
    return models.AWDLSTMCausalLM(
        models.AWDLSTMBackbone(
            vocabulary_size, embedding_dim=4, hidden_dim=6, num_layers=2
        )
    )


def test_logits_grow_with_tokens_and_words_unless_options_say_otherwise():
    def logits(batch_size=8, words=1000, **options):
        return training_memory(
            make_language_model(words), batch_size, 10, **options
        )["logits"]

    assert logits() >= 8 * 10 * 1000 * 8  # logits and their gradient
    assert logits(batch_size=16) == logits(words=2000) == 2 * logits()
    assert logits(num_sampled=100) == logits() / 10
    assert logits(chunk_size=20) == logits(batch_size=64, chunk_size=20)
    assert logits(chunk_size=20) == logits() / 4


def test_weights_count_gradients_and_both_slots_of_adam():
    language_model = make_language_model(1000)
    weights = training_memory(language_model, 8, 10)["weights"]
    assert weights >= 4 * sum(w.size for w in language_model.get_weights()) * 4


def test_the_estimate_is_printed_unless_silent(capsys):
    trainer = models.StreamLanguageModel(make_language_model(50), 2)
    trainer.compile(optimizers.Adam())
    stream = data.TokenStream(np.arange(21) % 50, batch_size=2, bptt=5)
    trainer.fit(stream, verbose=0)
    assert "GiB" not in capsys.readouterr().out
    trainer.fit(stream, verbose=2)
    assert "2 × 5 tokens, 50 words in the softmax" in capsys.readouterr().out


def test_fit_names_ways_out(monkeypatch):
    trainer = models.StreamLanguageModel(make_language_model(50), 2)
    stream = data.TokenStream(np.arange(21) % 50, batch_size=2, bptt=5)

    def fit(*arguments, **options):
        raise RuntimeError("RESOURCE_EXHAUSTED: 9 GiB")

    monkeypatch.setattr(keras.Model, "fit", fit)
    with pytest.raises(MemoryError, match="50 words in the softmax"):
        trainer.fit(stream, verbose=0)


def test_a_lack_of_memory_names_three_ways_out():
    # Logits of a petabyte, which no machine gives.
    language_model = make_language_model(3_000_000)
    hidden = np.zeros((100_000_000, 4), "float32")
    with pytest.raises(
        MemoryError, match="chunk_size.*num_sampled.*bptt.*anew"
    ):
        with out_of_memory_advice("a model"):
            logits = language_model.output_logits(hidden)
            ops.convert_to_numpy(logits[0, 0])  # JAX fails where it waits


def test_other_errors_pass():
    with pytest.raises(ValueError, match="^too long$"):
        with out_of_memory_advice("a model"):
            raise ValueError("too long")
