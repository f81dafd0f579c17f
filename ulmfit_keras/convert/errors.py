"""The one exception that a file of another framework raises."""


class CheckpointError(ValueError):
    """A file that cannot be read as the model or vocabulary it should be.

    Example:

    ```python
    try:
        language_model = read_language_model("wt103-fwd.pth", "itos.pkl")
    except CheckpointError as error:
        print(error)
    ```
    """
