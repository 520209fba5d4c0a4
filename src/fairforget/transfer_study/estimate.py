"""A number measured by a study, and the sources of chance in it: seeds, and the items of domains.

Each source adds to the variance on its own. What a source adds is known as one deviation for each
of its units (a seed, a cluster of items), so that chance which two numbers share goes from their
difference: runs measured on the same items are compared in pairs.

What seeds and items add only together (one seed changed some items, another seed others) is in the
part of both, so it counts twice in the variance: intervals are rather too wide than too narrow.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np
from scipy.stats import t

from fairforget.statistics import CONFIDENCE, Floats, interaction, jackknife
from fairforget.transfer_study.record import Effect

ITEMS = "items"
"""First word of the name of a source that is the items of a domain."""
Source = tuple[str, str | int]
"""`ITEMS` and a domain; or another word and which group of runs, whose seeds are the source."""
Name = TypeVar("Name")


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number, and what each source of chance adds to its variance."""

    value: float
    chance: Mapping[Source, Floats]
    """By source, [units] deviations (`fairforget.statistics.jackknife`) whose squares add up to
    what the source adds to the variance."""
    crossed: Mapping[tuple[Source, Source], Floats] = field(default_factory=dict)
    """By two sources, deviations (`fairforget.statistics.interaction`) of what is in both."""

    @property
    def variance(self) -> float:
        """Of the value, by all sources."""
        return sum(self._variances().values())

    @property
    def of_items(self) -> float:
        """The part of the variance that infinitely many seeds would leave."""
        items = sum(v for (kind, _), v in self._variances().items() if kind == ITEMS)
        return max(0.0, items - sum(float(np.square(part).sum()) for part in self.crossed.values()))

    @property
    def freedom(self) -> float:
        """Degrees of freedom of the variance (Satterthwaite 1946), infinite where it is 0."""
        variances = self._variances()
        total = sum(variances.values())
        if not math.isfinite(total):
            return math.nan
        spread = sum(v**2 / (len(self.chance[name]) - 1) for name, v in variances.items() if v)
        return total**2 / spread if spread else math.inf

    @property
    def margin(self) -> float:
        """Half of the 95 % interval."""
        return float(t.ppf((1 + CONFIDENCE) / 2, self.freedom)) * math.sqrt(self.variance)

    @property
    def ci(self) -> tuple[float, float]:
        """95 % interval of Student's t."""
        margin = self.margin
        return self.value - margin, self.value + margin

    @property
    def p(self) -> float:
        """Two-sided p-value of "it is 0" (Student's t); 1 for a number that is none (NaN)."""
        variance = self.variance
        if not math.isfinite(self.value) or not math.isfinite(variance) or not self.value:
            return 1.0
        with np.errstate(divide="ignore"):
            distance = np.abs(self.value) / np.sqrt(variance)
        return float(2 * t.sf(distance, self.freedom))

    @property
    def effect(self) -> Effect:
        """What the record keeps of it; p is not corrected yet."""
        return Effect(self.value, self.ci, self.p, self.p)

    def __sub__(self, other: Estimate) -> Estimate:
        return weighted_mean([self, other], [1.0, -1.0])

    def within(self, reach: float) -> Estimate:
        """The same with no more chance than lets its interval go so far from 0, on either side.

        For a number that has a kink (the distance of a score from no bias, at no bias), which the
        jackknife does not see.
        """
        allowed = reach + abs(self.value)
        if not self.margin > allowed:
            return self
        share = allowed / self.margin
        return replace(self, chance=_times(share, self.chance), crossed=_times(share, self.crossed))

    def _variances(self) -> dict[Source, float]:
        return {name: float(np.square(part).sum()) for name, part in self.chance.items()}


def weighted_mean(parts: Sequence[Estimate], weights: Sequence[float]) -> Estimate:
    """The sum of so many times each part."""
    return Estimate(
        sum(weight * part.value for part, weight in zip(parts, weights, strict=True)),
        _sum(_times(w, part.chance) for part, w in zip(parts, weights, strict=True)),
        _sum(_times(w, part.crossed) for part, w in zip(parts, weights, strict=True)),
    )


def mean(parts: Sequence[Estimate]) -> Estimate | None:
    """The mean of several, None of none."""
    return weighted_mean(parts, [1 / len(parts)] * len(parts)) if parts else None


def over_seeds(changes: Floats, without: Floats, *, domain: str, group: int) -> Estimate:
    """The mean of what each seed of a group of runs changed in a domain.

    Args:
        changes: [seeds] what each changed.
        without: [seeds, clusters] the same without each cluster of items.
        domain: its items are one source of chance.
        group: its seeds are the other, where there are two or more.
    """
    items: Source = (ITEMS, domain)
    seeds: Source = ("seeds", group)
    chance = {items: jackknife(without.mean(axis=0))}
    if len(changes) == 1:
        return Estimate(float(changes[0]), chance)
    chance[seeds] = jackknife((changes.sum() - changes) / (len(changes) - 1))
    return Estimate(float(changes.mean()), chance, {(items, seeds): interaction(without)})


def ratio(upper: Estimate, lower: Estimate) -> tuple[float, tuple[float, float]] | None:
    """`upper` ÷ `lower` with its 95 % interval (Fieller 1954); None where `lower` may be 0.

    In the interval are the r for which `upper` − r `lower` may be 0.
    """
    critical = t.ppf((1 + CONFIDENCE) / 2, min(upper.freedom, lower.freedom)) ** 2
    shared = (weighted_mean([upper, lower], [1.0, 1.0]).variance - (upper - lower).variance) / 4
    square = lower.value**2 - critical * lower.variance
    if not square > 0:
        return None
    middle = upper.value * lower.value - critical * shared
    rest = upper.value**2 - critical * upper.variance
    reach = math.sqrt(max(0.0, middle**2 - square * rest))
    return upper.value / lower.value, ((middle - reach) / square, (middle + reach) / square)


def _times(factor: float, parts: Mapping[Name, Floats]) -> dict[Name, Floats]:
    return {name: factor * deviations for name, deviations in parts.items()}


def _sum(several: Iterable[Mapping[Name, Floats]]) -> dict[Name, Floats]:
    found: dict[Name, Floats] = {}
    for parts in several:
        for name, deviations in parts.items():
            found[name] = found.get(name, 0.0) + deviations
    return found
