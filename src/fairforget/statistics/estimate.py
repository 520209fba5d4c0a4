"""Estimates with crossed sources of variance: seeds, and the clusters of items of domains.

A variance is a sum over sources. Each source contributes one deviation per unit (a seed, or a
cluster of items), so the variance that two estimates share cancels in their difference: runs scored
on the same items are compared as pairs. Domains with clusters in common, such as the topics of
DecodingTrust, are one source.

Items can form clusters of several kinds, such as nationalities and attributes, each a source. The
interaction of two sources is part of both, so it counts twice in the variance, and intervals are
conservative. With a single run on each side and one kind of clusters, the only source is the items,
and the interval is that of a paired t test over clusters.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TypeVar

import numpy as np
from scipy.special import stdtr, stdtrit

from fairforget.statistics.jackknife import Floats, interaction, jackknife

CONFIDENCE = 0.95
"""Coverage of intervals."""
ITEMS, SEEDS = "items", "seeds"
Source = tuple[str, str | int, int]
"""`ITEMS`, a domain and the number of a kind of clusters; or `SEEDS`, the number of a group of
runs, and 0."""
Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value and its deviations by source of variance."""

    value: float
    deviations: Mapping[Source, Floats]
    """Source → [units] jackknife deviations; their squares add up to its variance."""
    interactions: Mapping[tuple[Source, Source], Floats] = field(default_factory=dict)
    """Pair of sources → deviations of their interaction (`fairforget.statistics.interaction`)."""
    units: Mapping[Source, Sequence[Hashable]] = field(default_factory=dict)
    """Source → [units] their names. Sources that share a unit count as one."""

    @property
    def variance(self) -> float:
        """Variance of the value, over all sources."""
        return sum(variance for variance, _ in self._independent_variances())

    @property
    def item_variance(self) -> float:
        """The part of the variance that remains with infinitely many seeds."""
        items = {source: part for source, part in self.deviations.items() if source[0] == ITEMS}
        pairs = {
            (source, seeds): [
                (seeds, row, unit)
                for row in range(len(part) // len(self.units[source]))
                for unit in self.units[source]
            ]
            for (source, seeds), part in self.interactions.items()
            if source in self.units
        }
        return max(
            0.0,
            sum(map(_sum_of_squares, _merge_shared(items, self.units)))
            - sum(map(_sum_of_squares, _merge_shared(self.interactions, pairs))),
        )

    @property
    def degrees_of_freedom(self) -> float:
        """Degrees of freedom of the variance (Satterthwaite 1946); infinite for a variance of 0."""
        variances = self._independent_variances()
        total = sum(variance for variance, _ in variances)
        if not math.isfinite(total):
            return math.nan
        spread = sum(variance**2 / (size - 1) for variance, size in variances if variance)
        return total**2 / spread if spread else math.inf

    @property
    def half_width(self) -> float:
        """Half the width of the 95 % interval."""
        quantile = float(stdtrit(self.degrees_of_freedom, (1 + CONFIDENCE) / 2))
        return quantile * math.sqrt(self.variance)

    @property
    def ci(self) -> tuple[float, float]:
        """95 % interval (Student's t)."""
        half = self.half_width
        return self.value - half, self.value + half

    @property
    def p(self) -> float:
        """Two-sided p-value of the hypothesis that the true value is 0 (Student's t); 1 for NaN."""
        return min(1.0, 2 * self.p_below(abs(self.value)))

    def p_below(self, excess: float) -> float:
        """One-sided p-value (Student's t) of an estimate that lies `excess` above its bound.

        Returns:
            The probability of at least this excess if the true value is at the bound; 1 for NaN,
            and for an excess of 0 without variance.
        """
        variance = self.variance
        if not math.isfinite(excess) or not math.isfinite(variance) or (excess == 0 == variance):
            return 1.0
        with np.errstate(divide="ignore"):
            return float(stdtr(self.degrees_of_freedom, -np.float64(excess) / np.sqrt(variance)))

    def __sub__(self, other: Estimate) -> Estimate:
        return weighted_mean([self, other], [1.0, -1.0])

    def _independent_variances(self) -> list[tuple[float, int]]:
        """Variance and number of units of each independent source."""
        parts = _merge_shared(self.deviations, self.units)
        return [(_sum_of_squares(part), len(part)) for part in parts]


def weighted_mean(parts: Sequence[Estimate], weights: Sequence[float]) -> Estimate:
    """The sum of each part times its weight.

    A unit that only some parts have, such as a cluster whose items count in one condition only, has
    no deviation in the others.
    """
    parts = _align(parts)
    return Estimate(
        sum(weight * part.value for part, weight in zip(parts, weights, strict=True)),
        _sum(_scale(w, part.deviations) for part, w in zip(parts, weights, strict=True)),
        _sum(_scale(w, part.interactions) for part, w in zip(parts, weights, strict=True)),
        {source: names for part in parts for source, names in part.units.items()},
    )


def over_items(
    value: float,
    without: Mapping[int, Floats],
    *,
    domain: str,
    units: Mapping[int, Sequence[Hashable]] = MappingProxyType({}),
) -> Estimate:
    """A score of one model, in one domain.

    Args:
        value: the score.
        without: number of a kind of clusters → [clusters] the same, without each cluster in turn.
        domain: its items are the sources of variance, one for each kind.
        units: number of a kind → [clusters] their names, if other domains may have the same
            clusters.
    """
    return Estimate(
        float(value),
        {(ITEMS, domain, kind): jackknife(part) for kind, part in without.items()},
        units={
            (ITEMS, domain, kind): [(kind, unit) for unit in names] for kind, names in units.items()
        },
    )


def over_seeds(
    changes: Floats,
    without: Mapping[int, Floats],
    *,
    domain: str,
    group: int,
    units: Mapping[int, Sequence[Hashable]] = MappingProxyType({}),
) -> Estimate:
    """The mean change over the seeds of a group of runs, in one domain.

    Args:
        changes: [seeds] the change of each seed.
        without: number of a kind of clusters → [seeds, clusters] the same, without each cluster in
            turn.
        domain: its items are sources of variance.
        group: number of the group; its seeds are another source if there are two or more.
        units: as for `over_items`.
    """
    seeds: Source = (SEEDS, group, 0)
    means = {kind: part.mean(axis=0) for kind, part in without.items()}
    estimate = over_items(changes.mean(), means, domain=domain, units=units)
    if len(changes) == 1:
        return estimate
    spread = jackknife((changes.sum() - changes) / (len(changes) - 1))
    return replace(
        estimate,
        deviations={**estimate.deviations, seeds: spread},
        interactions={
            ((ITEMS, domain, kind), seeds): interaction(part) for kind, part in without.items()
        },
    )


def ratio(upper: Estimate, lower: Estimate) -> tuple[float, tuple[float, float]] | None:
    """`upper` ÷ `lower` with its 95 % interval (Fieller 1954).

    The interval has all r for which `upper` − r `lower` does not differ significantly from 0.

    Returns:
        The ratio and its interval; None if `lower` does not differ significantly from 0.
    """
    freedom = min(upper.degrees_of_freedom, lower.degrees_of_freedom)
    critical = float(stdtrit(freedom, (1 + CONFIDENCE) / 2)) ** 2
    shared = (weighted_mean([upper, lower], [1.0, 1.0]).variance - (upper - lower).variance) / 4
    square = lower.value**2 - critical * lower.variance
    if not square > 0:
        return None
    middle = upper.value * lower.value - critical * shared
    rest = upper.value**2 - critical * upper.variance
    root = math.sqrt(max(0.0, middle**2 - square * rest))
    return upper.value / lower.value, ((middle - root) / square, (middle + root) / square)


def _merge_shared(
    parts: Mapping[Key, Floats], units: Mapping[Key, Sequence[Hashable]]
) -> list[Floats]:
    """Return the deviations of each source; those of sources that share units are added by unit."""
    groups: list[tuple[set[Hashable], list[Key]]] = []
    for key in [key for key in parts if key in units]:
        names, keys = {*units[key]}, [key]
        for group in [group for group in groups if not names.isdisjoint(group[0])]:
            groups.remove(group)
            names |= group[0]
            keys += group[1]
        groups.append((names, keys))
    merged = [keys for _, keys in groups if len(keys) > 1]
    alone = parts.keys() - {key for keys in merged for key in keys}
    totals = [part for key, part in parts.items() if key in alone]
    for keys in merged:
        total: dict[Hashable, float] = {}
        for key in keys:
            for unit, deviation in zip(units[key], parts[key].tolist(), strict=True):
                total[unit] = total.get(unit, 0.0) + deviation
        totals.append(np.array([*total.values()]))
    return totals


def _align(parts: Sequence[Estimate]) -> list[Estimate]:
    """Return the parts with the same units of each source that they share, in the same order."""
    units: dict[Source, Sequence[Hashable]] = {}
    for part in parts:
        for source, names in part.units.items():
            if units.setdefault(source, names) != names:
                units[source] = [*dict.fromkeys([*units[source], *names])]
    return [_fill_units(part, units) for part in parts]


def _fill_units(part: Estimate, units: Mapping[Source, Sequence[Hashable]]) -> Estimate:
    """Return an estimate with these units; the deviation of those that it lacks is 0."""
    incomplete = {source for source, names in part.units.items() if names != units[source]}
    if not incomplete:
        return part

    def fill(deviations: Floats, source: Source) -> Floats:
        if source not in incomplete:
            return deviations
        old, places = part.units[source], {unit: n for n, unit in enumerate(units[source])}
        filled = np.zeros((len(deviations) // len(old), len(places)))
        filled[:, [places[unit] for unit in old]] = deviations.reshape(-1, len(old))
        return filled.ravel()

    return replace(
        part,
        deviations={source: fill(it, source) for source, it in part.deviations.items()},
        interactions={pair: fill(it, pair[0]) for pair, it in part.interactions.items()},
        units={source: units[source] for source in part.units},
    )


def _sum_of_squares(deviations: Floats) -> float:
    return float(np.square(deviations).sum())


def _scale(factor: float, parts: Mapping[Key, Floats]) -> dict[Key, Floats]:
    return {key: factor * deviations for key, deviations in parts.items()}


def _sum(mappings: Iterable[Mapping[Key, Floats]]) -> dict[Key, Floats]:
    total: dict[Key, Floats] = {}
    for parts in mappings:
        for key, deviations in parts.items():
            total[key] = total.get(key, 0.0) + deviations
    return total
