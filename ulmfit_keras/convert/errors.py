"""The one exception that a file of another framework raises."""


class CheckpointError(ValueError):
    """A file that cannot be read as the model or vocabulary it should be."""
