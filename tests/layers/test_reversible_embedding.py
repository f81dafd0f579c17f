import keras
import numpy as np
import pytest
from keras import ops

from ulmfit_keras.layers import ReversibleEmbedding

IDS = np.array([[3, 1, 3], [0, 4, 2]])


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_equals_the_embedding_of_keras(policy):
    theirs = keras.layers.ReversibleEmbedding(5, 4, dtype=policy)
    ours = ReversibleEmbedding(5, 4, dtype=policy)
    theirs.build()
    ours.build()
    ours.set_weights(theirs.get_weights())
    found, expected = ours(IDS), theirs(IDS)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(
        *(
            ops.convert_to_numpy(ops.cast(x, "float32"))
            for x in (found, expected)
        )
    )


def test_products_with_all_words_are_float32():
    layer = ReversibleEmbedding(5, 4, dtype="mixed_bfloat16")
    x = np.ones((2, 4), "float32")
    found = ops.convert_to_numpy(layer(x, reverse=True))
    (words,) = layer.get_weights()
    np.testing.assert_allclose(found, x @ words.T, rtol=1e-5, atol=1e-6)


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="looks at its operations"
)
def test_the_matrix_is_read_as_it_is():
    import tensorflow as tf

    layer = ReversibleEmbedding(500, 4, dtype="mixed_bfloat16")
    layer.build()
    run = tf.function(layer, input_signature=[tf.TensorSpec((2, 3), "int32")])
    operations = run.get_concrete_function().graph.get_operations()
    cast = [op.inputs[0] for op in operations if op.type == "Cast"]
    assert [tensor.shape.as_list() for tensor in cast] == [[2, 3, 4]]
