"""How a training is cut into epochs and validations."""

import itertools

from recipes.epochs import cut_into_epochs


def test_lengths_keep_to_their_limits():
    for steps, per_validation, per_checkpoint in itertools.product(
        range(1, 80), range(1, 25), range(1, 25)
    ):
        epochs = cut_into_epochs(steps, per_validation, per_checkpoint)
        assert epochs.steps <= per_checkpoint
        assert epochs.steps * epochs.per_validation <= per_validation
        assert epochs.count % epochs.per_validation == 0
        assert steps <= epochs.count * epochs.steps < steps + epochs.count


def test_validations_are_far_apart_and_even():
    assert cut_into_epochs(1000, 1000, 100) == (10, 100, 10)
    # Two, and not a whole one and a rest.
    assert cut_into_epochs(1001, 1000, 100) == (12, 84, 6)
    # Epochs of less than a checkpoint allows, rather than a validation early.
    assert cut_into_epochs(300, 150, 100) == (4, 75, 2)
    # No checkpoints between validations.
    assert cut_into_epochs(71, 20, 100) == (4, 18, 1)
    assert cut_into_epochs(3, 20, 1) == (3, 1, 3)
