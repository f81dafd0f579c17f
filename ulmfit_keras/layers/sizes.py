"""What layers, models and stages ask of a size."""


def check_at_least(least, **values):
    """Raise a ValueError that names the first value below `least`."""
    for name, value in values.items():
        if value is not None and value < least:
            raise ValueError(
                f"`{name}` must be at least {least}. Received: {name}={value}"
            )
