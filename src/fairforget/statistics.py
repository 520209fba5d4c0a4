"""Intervals and tests for bias scores: cluster bootstrap, exact McNemar, Holm."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence

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
RESAMPLES_PER_TEST = 200
"""The smallest p of a bootstrap, 2 ÷ (resamples + 1), is then below 0.01 after a correction for all
tests, and below 0.05 after another for the five parts that each may have."""
DRAWN_AT_ONCE = 2_000_000
"""Cluster indices, or totals, that exist at one time while resampling: 16 MB."""

Floats = npt.NDArray[np.float64]


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


def resamples_for(tests: int) -> int:
    """How many resamples let each of so many tests be decided after Holm's correction."""
    return max(RESAMPLES, RESAMPLES_PER_TEST * tests)


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
    start = 0
    for part in bootstrap_parts(sums, seed=seed, resamples=resamples):
        draws[start : start + len(part)] = part
        start += len(part)
    return draws


def bootstrap_parts(sums: Floats, *, seed: int = 0, resamples: int = RESAMPLES) -> Iterator[Floats]:
    """The draws of `bootstrap_totals`, some at a time: all of them may not fit into memory.

    Arguments as there; the parts joined along their first axis are what it returns.
    """
    generator = np.random.default_rng(seed)
    n = len(sums)
    chunk = max(1, DRAWN_AT_ONCE // max(n, sums[0].size))
    for start in range(0, resamples, chunk):
        size = min(chunk, resamples - start)
        drawn = generator.integers(n, size=(size, n), dtype=np.int32)
        drawn += np.arange(size, dtype=np.int32)[:, None] * n  # one counter for all: no loop
        counts = np.bincount(drawn.ravel(), minlength=size * n).reshape(size, n)
        yield counts.astype(np.float64) @ sums


def seed_weights(seeds: int, *, seed: int = 0, resamples: int = RESAMPLES) -> Floats:
    """Bootstrap draws of how much each seed counts in a mean over seeds.

    Of n seeds, n − 1 are drawn with replacement (Rao and Wu 1988): with n, the variance of the mean
    would come out (n − 1) ÷ n of what it is, which matters for three. One seed always counts.

    Returns:
        [resamples, seeds] weights; each row adds up to 1.
    """
    if seeds == 1:
        return np.ones((resamples, 1))
    drawn = np.random.default_rng(seed).multinomial(
        seeds - 1, np.full(seeds, 1 / seeds), size=resamples
    )
    return drawn / (seeds - 1)


def interval(draws: Floats, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Percentile interval of bootstrap draws [resamples].

    A draw without a value (NaN: a ratio of nothing) is left out; all such, and so is the interval.
    """
    known = draws[~np.isnan(draws)]
    if not len(known):
        return float("nan"), float("nan")
    tail = (1 - confidence) / 2
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
