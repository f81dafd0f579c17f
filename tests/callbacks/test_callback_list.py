import keras
import pytest

from ulmfit_keras.callbacks.callback_list import callback_list

A, B = keras.callbacks.History(), keras.callbacks.TerminateOnNaN()


@pytest.mark.parametrize(
    "given, expected",
    [
        (None, []),
        ([], []),
        (A, [A]),
        ([A, B], [A, B]),
        ((A, [B, (A,)]), [A, B, A]),
        ((one for one in [A, B]), [A, B]),
        ({A}, [A]),
        ([None, A], [A]),
        (keras.callbacks.CallbackList([A, B]), [A, B]),
    ],
)
def test_callbacks_are_found_in_whatever_holds_them(given, expected):
    assert callback_list(given) == expected
