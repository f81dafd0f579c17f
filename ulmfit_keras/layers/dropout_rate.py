"""What every dropout layer here asks of its rate."""


def check_rate(name, rate):
    """Raise a ValueError unless `rate` is a number from 0 up to below 1."""
    if not 0 <= rate < 1:
        raise ValueError(
            f"`{name}` is the share to drop and must be at least 0 and below "
            f"1. Received: {name}={rate}"
        )
