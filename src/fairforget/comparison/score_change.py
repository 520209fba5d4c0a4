"""The change of a score between two models, or between one model and several seeds of others.

With one seed, intervals are those of a paired t test over clusters of items, with a jackknife
estimate of the variance; with several, seeds are a second source of variance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

from fairforget.benchmarks.measurement import (
    Judgement,
    score_interval,
    scores_without,
    select_counted,
)
from fairforget.benchmarks.measures import measure_of
from fairforget.statistics.distance import DistanceChange, distance_change
from fairforget.statistics.estimate import Estimate, over_items, over_seeds, weighted_mean

Interval = tuple[float, float]
Verdict = Literal["less", "more", "undecided"]


class _Directed:
    """A change with an interval that shows its direction."""

    __slots__ = ()
    ci: Interval | None
    """Its 95 % interval, if it has one."""

    @property
    def direction(self) -> Verdict:
        """The side of 0 on which the interval lies: `undecided` if it includes 0 or is missing."""
        low, high = self.ci or (0.0, 0.0)
        if high < 0:
            return "less"
        return "more" if low > 0 else "undecided"

    @property
    def is_decided(self) -> bool:
        """Whether the interval excludes 0."""
        return self.direction != "undecided"


@dataclass(frozen=True, slots=True)
class Score(_Directed):
    """A score, or its change, with its 95 % interval if it has one."""

    value: float
    ci: Interval | None = None

    @classmethod
    def of(cls, estimate: Estimate | DistanceChange) -> Score:
        """Return the score of an estimate, with its interval if that is finite."""
        return cls(estimate.value, finite_interval(estimate.ci))

    @classmethod
    def of_one_model(cls, estimate: Estimate, measure: str) -> Score:
        """Return the score of a model, with its interval within the limits of the score."""
        return cls(estimate.value, score_interval(estimate, measure_of(measure)))


@dataclass(frozen=True, slots=True)
class Change(_Directed):
    """A score before and after, and the difference with its 95 % interval."""

    before: float
    after: float
    delta: float
    ci: Interval | None = None

    @property
    def shown_ci(self) -> Interval | None:
        """The interval; None if nothing changed, because its width of 0 would mislead."""
        return None if self.ci == (0.0, 0.0) else self.ci


@dataclass(frozen=True, slots=True)
class ScoreChange:
    """A score of one model, and its change in one or several others that differ in their seed."""

    before: Estimate
    change: Estimate
    """The mean over seeds; its interval covers items, and seeds if there are several."""
    reached: tuple[float, ...]
    """The score with each seed, after the change; NaN if no item counts in it there."""
    clusters: int
    """Independent units with an item that counts in the score; of several kinds, those of the
    smallest."""

    @property
    def is_complete(self) -> bool:
        """Whether the score is known with every seed."""
        return not np.isnan(self.reached).any()

    @property
    def after(self) -> Estimate:
        """The mean score over seeds."""
        return weighted_mean([self.before, self.change], [1.0, 1.0])

    @property
    def shown(self) -> Change:
        """The change, with its interval if that is finite."""
        after = self.before.value + self.change.value
        return Change(self.before.value, after, self.change.value, finite_interval(self.change.ci))

    def distance_from(self, unbiased_score: float) -> DistanceChange:
        """Return the change of the distance from the score of a model without bias.

        The change is the mean of the seeds' changes, so seeds on opposite sides of the unbiased
        score do not cancel out.
        """
        old = abs(self.before.value - unbiased_score)
        value = float(np.mean([abs(score - unbiased_score) - old for score in self.reached]))
        midpoint = weighted_mean([self.before, self.change], [1.0, 0.5])
        return distance_change(self.change, midpoint, unbiased_score, value)

    def shown_distance(self, unbiased_score: float) -> tuple[Change, float]:
        """Return the distances before and after with their change, and its p-value."""
        distance = self.distance_from(unbiased_score)
        old = abs(self.before.value - unbiased_score)
        ci = finite_interval(distance.ci)
        return Change(old, old + distance.value, distance.value, ci), distance.p


def measure_changes(
    old: Judgement, groups: Sequence[Sequence[Judgement]], domain: str
) -> dict[str, list[ScoreChange]]:
    """Return the change of each score in each group of models, compared with one model.

    Variances are jackknife estimates: they leave out one cluster of items at a time, in all models
    together (a paired comparison), and one seed of a group at a time.

    Args:
        old: the items of a domain, scored by one model.
        groups: [groups][seeds] the same items in the same order, scored by other models; those of
            a group differ only in their seed.
        domain: the source of variance of the items.

    Returns:
        Score → [groups] its change; scores in which no item counts are omitted.
    """
    judgements = [old, *(judgement for group in groups for judgement in group)]
    # one array, with `old` first, so that equal items give bitwise equal sums
    by_kind = zip(*(judgement.kinds for judgement in judgements), strict=True)
    sums = [np.stack([clusters.sums for clusters in kind]) for kind in by_kind]
    scores = old.scores(sums[0].sum(axis=1))
    without = [scores_without(old, part) for part in sums]
    ends = np.cumsum([1, *map(len, groups)])
    parts = [slice(start, end) for start, end in pairwise(ends)]
    changes = {}
    for name, values in scores.items():
        if np.isnan(values[0]):
            continue
        rest, units = select_counted(name, judgements, without)
        first, alone = values[0], {kind: part[0] for kind, part in rest.items()}
        before = over_items(first, alone, domain=domain, units=units)
        changes[name] = [
            ScoreChange(
                before=before,
                change=over_seeds(
                    values[part] - first,
                    {kind: it[part] - it[0] for kind, it in rest.items()},
                    domain=domain,
                    group=number,
                    units=units,
                ),
                reached=tuple(map(float, values[part])),
                clusters=min(map(len, units.values())),
            )
            for number, part in enumerate(parts)
        ]
    return changes


def finite_interval(interval: Interval) -> Interval | None:
    """Return the interval; None if it is not finite, as with a single cluster of items."""
    return interval if np.isfinite(interval).all() else None
