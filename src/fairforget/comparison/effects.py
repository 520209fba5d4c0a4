"""The effect of a group of runs on one domain, with seeds and items as sources of variance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from fairforget.benchmarks.measurement import Judge, Row
from fairforget.comparison.score_change import ScoreChange
from fairforget.distance import DistanceChange, distance_change
from fairforget.estimate import over_items, over_seeds, weighted_mean
from fairforget.statistics import leave_one_out


@dataclass(frozen=True, slots=True)
class DomainEffect(ScoreChange):
    """The effect of a group of runs, which differ only in their seed, on one bias score.

    A score that a run lacks is NaN in `reached`.
    """

    clusters: int
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


def measure_effects(
    judge: Judge,
    before: Sequence[Row],
    after: Sequence[Sequence[Sequence[Row]]],
    *,
    domain: str,
) -> dict[str, list[DomainEffect]]:
    """The effect of each group of runs on a domain, compared with the original model.

    Variances are jackknife estimates: they leave out one cluster of items at a time, in the
    original and in all runs together (a paired comparison), and one seed of a group at a time.

    Args:
        judge: of a benchmark with a bias score.
        before: the domain's items, scored by the original model.
        after: [groups][seeds] the same items in the same order, scored by each run.
        domain: its name.

    Returns:
        The effects [groups] on each bias score that the domain has, by name.
    """
    original = judge(before)
    # one array, with the original first, so that equal items give bitwise equal sums
    judged = [original, *(judge(rows) for group in after for rows in group)]
    sums = np.stack([judgement.sums for judgement in judged])
    flipped = np.array([(j.verdicts != original.verdicts).mean() for j in judged])
    with np.errstate(divide="ignore", invalid="ignore"):  # ratios without a single item
        scores = {n: np.asarray(v) for n, v in original.statistic(sums.sum(axis=1)).items()}
        scores_without = original.statistic(leave_one_out(sums))
    ends = np.cumsum([1, *map(len, after)])
    groups = [slice(start, end) for start, end in pairwise(ends)]
    effects: dict[str, list[DomainEffect]] = {}
    for measure, unbiased_score in original.unbiased_scores.items():
        clusters = original.clusters_of(measure)
        score, without = scores[measure], scores_without[measure][:, clusters]
        if np.isnan(score[0]):
            continue  # no item of this domain counts in this score
        effects[measure] = [
            DomainEffect(
                before=over_items(score[0], without[0], domain=domain),
                change=over_seeds(
                    score[runs] - score[0], without[runs] - without[0], domain=domain, group=number
                ),
                reached=tuple(map(float, score[runs])),
                clusters=len(clusters),
                unbiased_score=unbiased_score,
                other_scores={
                    name: (float(values[0]), float(values[runs].mean()))
                    for name, values in scores.items()
                    if name not in original.unbiased_scores
                },
                flipped=float(flipped[runs].mean()),
            )
            for number, runs in enumerate(groups)
        ]
    return effects
