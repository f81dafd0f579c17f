"""An embedding that reads few of many words fast in half precision."""

import keras


@keras.saving.register_keras_serializable("ulmfit_keras")
class ReversibleEmbedding(keras.layers.ReversibleEmbedding):
    """Keras' embedding, which casts the rows it has read, not the matrix.

    With a mixed policy Keras casts a variable before it is used. TensorFlow
    then writes an array as large as the vocabulary to read a few words of it.

    Args:
        input_dim: number of word types V.
        output_dim: size E of a word vector.
        **kwargs: see `keras.layers.ReversibleEmbedding`.

    Call arguments:
        inputs: integers below V of any shape; or with `reverse=True` vectors
            (…, E).
        reverse: whether to return (…, V), the products of vectors with all
            words. Defaults to False.

    Output shape:
        (…, E), or with `reverse=True` (…, V), which with a mixed policy are
        float32.

    Example:

    ```python
    embedding = ReversibleEmbedding(30000, 400, dtype="mixed_bfloat16")
    x = embedding(ids)
    ```
    """

    def add_weight(self, *args, **kwargs):
        return super().add_weight(*args, autocast=False, **kwargs)

    def quantize(self, mode=None, type_check=True, config=None):
        # With the check Keras refuses all subclasses.
        return super().quantize(mode, type_check=False, config=config)
