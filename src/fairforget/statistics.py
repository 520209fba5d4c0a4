"""Intervals for bias scores: percentile bootstrap over clusters of items."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt

RESAMPLES = 10_000
CONFIDENCE = 0.95

Floats = npt.NDArray[np.float64]


def cluster_rates(
    values: npt.ArrayLike, clusters: Sequence[Hashable]
) -> tuple[list[Hashable], Floats]:
    """Mean of the items of each cluster.

    Args:
        values: [items] or [items, measures].
        clusters: [items] the cluster of each item (for StereoSet its target term).

    Returns:
        The clusters in order of first appearance, and [clusters] or [clusters, measures] means.
    """
    numbers = np.asarray(values, dtype=np.float64)
    index: dict[Hashable, int] = {}
    where = np.array([index.setdefault(c, len(index)) for c in clusters], dtype=np.intp)
    sums = np.zeros((len(index), *numbers.shape[1:]))
    np.add.at(sums, where, numbers)
    counts = np.bincount(where, minlength=len(index))
    return list(index), sums / counts.reshape(-1, *[1] * (numbers.ndim - 1))


def bootstrap_means(rates: Floats, *, seed: int = 0, resamples: int = RESAMPLES) -> Floats:
    """Bootstrap draws of the unweighted mean over clusters.

    Args:
        rates: [clusters] or [clusters, measures].
        seed: of the resampling.
        resamples: how many.

    Returns:
        [resamples] or [resamples, measures] means of clusters drawn with replacement.
    """
    generator = np.random.default_rng(seed)
    n = len(rates)
    draws = np.empty((resamples, *rates.shape[1:]))
    chunk = max(1, 2_000_000 // n)
    for start in range(0, resamples, chunk):
        size = min(chunk, resamples - start)
        weights = generator.multinomial(n, np.full(n, 1 / n), size=size)
        draws[start : start + size] = weights @ rates / n
    return draws


def interval(draws: Floats, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Percentile interval of bootstrap draws [resamples]."""
    tail = (1 - confidence) / 2
    low, high = np.quantile(draws, [tail, 1 - tail])
    return float(low), float(high)
