"""Seeds, as numpy, torch and Python's own generator all take them."""

from __future__ import annotations

from fairforget.errors import InputError

LARGEST = 2**32 - 1


def check_seed(seed: int) -> None:
    """Refuse one that a generator would not take, before anything is done.

    Raises:
        InputError: it is negative, or does not fit into 32 bits.
    """
    if not 0 <= seed <= LARGEST:
        raise InputError(f"seed is {seed}; it must be between 0 and {LARGEST}")
