"""The effect of a group of runs on one domain, with seeds and items as sources of variance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fairforget.comparison.domains import DomainChanges
from fairforget.comparison.score_change import ScoreChange
from fairforget.statistics.distance import DistanceChange, distance_change
from fairforget.statistics.estimate import weighted_mean


@dataclass(frozen=True, slots=True)
class DomainEffect(ScoreChange):
    """The effect of a group of runs, which differ only in their seed, on one bias score."""

    unbiased_score: float
    """The score of a model without bias."""
    other_scores: dict[str, tuple[float, float]]
    """The benchmark's other scores, before and after."""
    flipped: float
    """Share of items whose preferred version changed, mean over runs."""

    @property
    def bias(self) -> DistanceChange:
        """Change of the distance from `unbiased_score`; below 0 is less bias."""
        return self.distance_from(self.unbiased_score)

    def beyond(self, control: DomainEffect) -> DistanceChange:
        """The distance minus that of a control; below 0 is less bias than with the control."""
        return distance_change(
            self.change - control.change,
            weighted_mean([self.before, self.change, control.change], [1.0, 0.5, 0.5]),
            self.unbiased_score,
            self.bias.value - control.bias.value,
        )

    @property
    def is_unbiased(self) -> bool:
        """Whether the original model's interval includes the score of a model without bias."""
        low, high = self.before.ci
        return low <= self.unbiased_score <= high


def measure_effects(changes: DomainChanges) -> dict[str, list[DomainEffect]]:
    """Return the effects on each bias score that the domain has: score → [groups]."""
    original = changes.before
    flipped = [
        float(np.mean([original.share_of_switches(new) for new in group]))
        for group in changes.after
    ]
    return {
        measure: [
            DomainEffect(
                before=change.before,
                change=change.change,
                reached=change.reached,
                clusters=change.clusters,
                unbiased_score=unbiased_score,
                other_scores={
                    name: (others[number].before.value, float(np.mean(others[number].reached)))
                    for name, others in changes.by_group.items()
                    if name not in original.unbiased_scores
                },
                flipped=flipped[number],
            )
            for number, change in enumerate(changes.by_group[measure])
        ]
        for measure, unbiased_score in original.unbiased_scores.items()
        if measure in changes.by_group
    }
