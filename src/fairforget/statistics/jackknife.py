"""The jackknife over clusters of items: sums, rates and deviations."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt

FEWEST_CLUSTERS = 6
"""With fewer clusters there is no verdict: with 5, even an exact sign-flip test cannot reach
p < 0.05, because 2 · 2⁻⁵ = 0.0625."""

Floats = npt.NDArray[np.float64]


def too_few(clusters: int | None) -> bool:
    """Whether there are too few clusters for a verdict; False for None, if that is unknown."""
    return clusters is not None and clusters < FEWEST_CLUSTERS


def median_absolute_deviation(values: Floats) -> float:
    """Median absolute deviation (MAD) from the median of [values].

    NaNs are left out; it is NaN if there are no other values.
    """
    known = values[~np.isnan(values)]
    return float(np.median(np.abs(known - np.median(known)))) if len(known) else math.nan


def cluster_sums(
    values: npt.ArrayLike, clusters: Sequence[Hashable]
) -> tuple[list[Hashable], Floats]:
    """Sums over the items of each cluster.

    Args:
        values: [items] or [items, measures].
        clusters: [items] the cluster of each item, such as its target term in StereoSet.

    Returns:
        The clusters in order of first appearance, and their sums: [clusters] or
        [clusters, measures].
    """
    array = np.asarray(values, dtype=np.float64)
    index: dict[Hashable, int] = {}
    indices = np.array([index.setdefault(c, len(index)) for c in clusters], dtype=np.intp)
    sums = np.zeros((len(index), *array.shape[1:]))
    np.add.at(sums, indices, array)
    return list(index), sums


def cluster_rates(
    values: npt.ArrayLike, clusters: Sequence[Hashable]
) -> tuple[list[Hashable], Floats]:
    """Means over the items of each cluster; arguments and shapes as for `cluster_sums`."""
    array = np.asarray(values, dtype=np.float64)
    names, sums = cluster_sums(array, clusters)
    _, counts = cluster_sums(np.ones(len(array)), clusters)
    return names, sums / counts.reshape(-1, *[1] * (array.ndim - 1))


def leave_one_out(sums: Floats) -> Floats:
    """Leave-one-out totals.

    Args:
        sums: [..., units, measures].

    Returns:
        [..., units, measures] the totals without each unit in turn.
    """
    totals: Floats = sums.sum(axis=-2, keepdims=True) - sums
    return totals


def jackknife(values: Floats) -> Floats:
    """Jackknife deviations of a statistic (Tukey 1958).

    Args:
        values: [units] the statistic without each unit in turn.

    Returns:
        [units] deviations. The sum of their squares is the jackknife estimate of the variance; for
        a mean, it is the unbiased estimate.
    """
    n = len(values)
    deviations: Floats = np.sqrt((n - 1) / n) * (values - values.mean())
    return deviations


def interaction(values: Floats) -> Floats:
    """Jackknife deviations of the interaction of two sources of variance, seeds and units.

    The interaction is also part of the variance that `jackknife` estimates for each source.

    Args:
        values: [seeds, units] the statistic of each seed without each unit in turn; at least two of
            each. The estimate is the mean over seeds.

    Returns:
        [seeds · units] deviations. The sum of their squares estimates the variance of the
        interaction; for a mean, it is the unbiased estimate of a two-way analysis of variance.
    """
    seeds, units = values.shape
    rest = values - values.mean(axis=0) - values.mean(axis=1, keepdims=True) + values.mean()
    deviations: Floats = np.sqrt((units - 1) / (seeds * units * (seeds - 1))) * rest.ravel()
    return deviations
