"""Check seeds for numpy, torch and Python."""

from __future__ import annotations

from fairforget.errors import InputError

MAX_SEED = 2**32 - 1
MAX_SEEDS = 1000
"""Seeds of a study or leaderboard: more would be a mistake."""


def check_seed(seed: int) -> None:
    """Check that all random generators accept a seed.

    Raises:
        InputError: it is negative or has more than 32 bits.
    """
    if not 0 <= seed <= MAX_SEED:
        raise InputError(f"seed is {seed}; it must be between 0 and {MAX_SEED}")


def check_seeds(count: int) -> None:
    """Check the number of seeds of a study or leaderboard.

    Raises:
        InputError: there is none, or there are more than `MAX_SEEDS`.
    """
    if not 1 <= count <= MAX_SEEDS:
        raise InputError(f"seeds is {count}; it must be between 1 and {MAX_SEEDS}")
