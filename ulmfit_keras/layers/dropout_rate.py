"""What every dropout layer here asks of its rate."""

import numbers


def check_rate(name, rate):
    """Raise a ValueError unless `rate` is a number from 0 up to below 1."""
    if not (isinstance(rate, numbers.Real) and 0 <= rate < 1):
        raise ValueError(
            f"`{name}` is the share to drop and must be a number of at least 0 "
            f"and below 1. Received: {name}={rate!r}"
        )
