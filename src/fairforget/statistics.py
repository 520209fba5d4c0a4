"""Intervals and tests for bias scores: cluster bootstrap, jackknife, exact McNemar, Holm."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest

RESAMPLES = 10_000
CONFIDENCE = 0.95
SIGNIFICANT = 0.05
"""A corrected p-value below it decides."""
FEWEST_CLUSTERS = 6
"""With fewer, nothing is decided: not even an exact sign-flip test can reach p < 0.05, as
2 · 2⁻⁵ = 0.0625."""
DRAWN_AT_ONCE = 2_000_000
"""Cluster indices that exist at one time while resampling: 16 MB."""

Floats = npt.NDArray[np.float64]
Key = TypeVar("Key", bound=Hashable)


def cluster_sums(
    values: npt.ArrayLike, clusters: Sequence[Hashable]
) -> tuple[list[Hashable], Floats]:
    """Sum of the items of each cluster.

    Args:
        values: [items] or [items, measures].
        clusters: [items] the cluster of each item (for StereoSet its target term).

    Returns:
        The clusters in order of first appearance, and [clusters] or [clusters, measures] sums.
    """
    numbers = np.asarray(values, dtype=np.float64)
    index: dict[Hashable, int] = {}
    where = np.array([index.setdefault(c, len(index)) for c in clusters], dtype=np.intp)
    sums = np.zeros((len(index), *numbers.shape[1:]))
    np.add.at(sums, where, numbers)
    return list(index), sums


def cluster_rates(
    values: npt.ArrayLike, clusters: Sequence[Hashable]
) -> tuple[list[Hashable], Floats]:
    """Mean of the items of each cluster, arguments and shapes as for `cluster_sums`."""
    numbers = np.asarray(values, dtype=np.float64)
    names, sums = cluster_sums(numbers, clusters)
    _, counts = cluster_sums(np.ones(len(numbers)), clusters)
    return names, sums / counts.reshape(-1, *[1] * (numbers.ndim - 1))


def bootstrap_totals(sums: Floats, *, seed: int = 0, resamples: int = RESAMPLES) -> Floats:
    """Bootstrap draws of the total over clusters.

    Columns are resampled together, so a statistic of two columns, such as a ratio or a paired
    difference, is drawn with the dependence between them.

    Args:
        sums: [clusters] or [clusters, measures].
        seed: of the resampling.
        resamples: how many.

    Returns:
        [resamples] or [resamples, measures] totals of clusters drawn with replacement.
    """
    draws = np.empty((resamples, *sums.shape[1:]))
    generator = np.random.default_rng(seed)
    n = len(sums)
    chunk = max(1, DRAWN_AT_ONCE // n)
    for start in range(0, resamples, chunk):
        size = min(chunk, resamples - start)
        drawn = generator.integers(n, size=(size, n), dtype=np.int32)
        drawn += np.arange(size, dtype=np.int32)[:, None] * n  # one counter for all: no loop
        counts = np.bincount(drawn.ravel(), minlength=size * n).reshape(size, n)
        draws[start : start + size] = counts.astype(np.float64) @ sums
    return draws


def leave_one_out(sums: Floats) -> Floats:
    """Totals over all units but one.

    Args:
        sums: [..., units, measures]

    Returns:
        [..., units, measures] without the first, without the second, …
    """
    totals: Floats = sums.sum(axis=-2, keepdims=True) - sums
    return totals


def jackknife(values: Floats) -> Floats:
    """What each unit adds to the chance in a statistic (Tukey 1958).

    Args:
        values: [units] the statistic without each unit.

    Returns:
        [units] deviations whose squares add up to the jackknife's estimate of the variance, which
        of a mean is the unbiased one, even of two units.
    """
    n = len(values)
    deviations: Floats = np.sqrt((n - 1) / n) * (values - values.mean())
    return deviations


def interaction(values: Floats) -> Floats:
    """What two sources of chance add only together: it is in what each of them adds alone, too.

    Args:
        values: [seeds, units] a statistic of each seed, without each unit; two or more of both. The
            number that is estimated is the mean over seeds.

    Returns:
        [seeds · units] deviations whose squares add up to an estimate of the variance, which of a
        mean is the unbiased one (that of the interaction in a two-way analysis of variance).
    """
    seeds, units = values.shape
    rest = values - values.mean(axis=0) - values.mean(axis=1, keepdims=True) + values.mean()
    deviations: Floats = np.sqrt((units - 1) / (seeds * units * (seeds - 1))) * rest.ravel()
    return deviations


def interval(draws: Floats) -> tuple[float, float]:
    """95 % percentile interval of bootstrap draws [resamples].

    A draw without a value (NaN: a ratio of nothing) is left out; all such, and so is the interval.
    """
    known = draws[~np.isnan(draws)]
    if not len(known):
        return float("nan"), float("nan")
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(known, [tail, 1 - tail])
    return float(low), float(high)


def mcnemar(first_only: int, second_only: int) -> float:
    """Exact two-sided McNemar p-value (McNemar 1947, with the binomial in place of χ²).

    Args:
        first_only: items whose verdict is yes before and no after.
        second_only: items whose verdict is no before and yes after.
    """
    changed = first_only + second_only
    return float(binomtest(first_only, changed).pvalue) if changed else 1.0


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's (1979) adjusted p-values, in the order given: controls the family-wise error."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    adjusted = [1.0] * len(p_values)
    reached = 0.0
    for rank, index in enumerate(order):
        reached = max(reached, min(1.0, p_values[index] * (len(p_values) - rank)))
        adjusted[index] = reached
    return adjusted


def adjust_holm(tests: Mapping[Key, tuple[Hashable | None, float]]) -> dict[Key, float]:
    """p-values after Holm's correction within each family.

    Args:
        tests: the family of each and its p-value; of no family, it is 1: nothing is decided.
    """
    found = dict.fromkeys(tests, 1.0)
    for family in {family for family, _ in tests.values() if family is not None}:
        mine = {key: p for key, (other, p) in tests.items() if other == family}
        found |= dict(zip(mine, holm([*mine.values()]), strict=True))
    return found
