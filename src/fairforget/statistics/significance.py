"""The exact McNemar test, and Holm's correction for multiple tests."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

from scipy.stats import binomtest

SIGNIFICANT = 0.05
"""Level of significance, for corrected p-values."""

Key = TypeVar("Key", bound=Hashable)


def mcnemar(first_only: int, second_only: int) -> float:
    """Two-sided p-value of the exact McNemar test (McNemar 1947, with the binomial distribution).

    Args:
        first_only: number of items that are positive before and negative after.
        second_only: number of items that are negative before and positive after.
    """
    discordant = first_only + second_only
    return float(binomtest(first_only, discordant).pvalue) if discordant else 1.0


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm-adjusted p-values (Holm 1979), in the order given; controls the family-wise error."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    adjusted = [1.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, p_values[index] * (len(p_values) - rank)))
        adjusted[index] = largest
    return adjusted


def adjust_holm(tests: Mapping[Key, tuple[Hashable | None, float]]) -> dict[Key, float]:
    """Holm-adjusted p-values within families.

    Args:
        tests: the family and the p-value of each test. A test without a family gets 1.
    """
    adjusted = dict.fromkeys(tests, 1.0)
    for family in {family for family, _ in tests.values() if family is not None}:
        members = {key: p for key, (other, p) in tests.items() if other == family}
        adjusted |= dict(zip(members, holm([*members.values()]), strict=True))
    return adjusted
