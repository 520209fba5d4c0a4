"""Check seeds for numpy, torch and Python."""

from __future__ import annotations

from fairforget.errors import InputError

MAX_SEED = 2**32 - 1


def check_seed(seed: int) -> None:
    """Check that all random generators accept a seed.

    Raises:
        InputError: it is negative or has more than 32 bits.
    """
    if not 0 <= seed <= MAX_SEED:
        raise InputError(f"seed is {seed}; it must be between 0 and {MAX_SEED}")
