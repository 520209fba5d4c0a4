"""The effect of a group of runs on one domain, with seeds and items as sources of variance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from fairforget.benchmarks.measurement import Judge, Row
from fairforget.statistics import Floats, jackknife, leave_one_out
from fairforget.transfer_study.estimate import ITEMS, Estimate, over_seeds
from fairforget.transfer_study.record import Effect


@dataclass(frozen=True, slots=True)
class DomainEffect:
    """One group of runs, which differ only in their seed, in one domain."""

    before: float
    before_ci: tuple[float, float]
    """95 % interval of the original model's score."""
    after: float
    """Mean over runs."""
    delta: Effect
    """Change of the score."""
    bias: Estimate
    """Change of the score's distance from `unbiased_score`, the mean over runs; below 0 is less
    bias."""
    other_scores: dict[str, tuple[float, float]]
    """The benchmark's other scores, before and after."""
    clusters: int
    unbiased_score: float
    """The score of a model without bias."""

    @property
    def is_unbiased(self) -> bool:
        """Whether the original model's interval includes the score of a model without bias."""
        low, high = self.before_ci
        return low <= self.unbiased_score <= high


def measure_effect(
    judge: Judge,
    before: Sequence[Row],
    after: Sequence[Sequence[Sequence[Row]]],
    *,
    domain: str,
) -> list[DomainEffect]:
    """The effect of each group of runs on a domain, compared with the original model.

    Variances are jackknife estimates: they leave out one cluster of items at a time, in the
    original and in all runs together (a paired comparison), and one seed of a group at a time.

    Args:
        judge: the benchmark's.
        before: the domain's items, scored by the original model.
        after: [groups][seeds] the same items in the same order, scored by each run.
        domain: its name.

    Returns:
        [groups] the effects.
    """
    original = judge(before)
    # one array, with the original first, so that equal items give bitwise equal sums
    sums = np.stack([original.sums, *(judge(rows).sums for group in after for rows in group)])
    scores = {n: np.asarray(v) for n, v in original.statistic(sums.sum(axis=1)).items()}
    measure, *others = scores
    unbiased_score = original.unbiased_scores[measure]  # callers use `find_bias_judge`
    score, score_without = (
        scores[measure],
        np.asarray(original.statistic(leave_one_out(sums))[measure]),
    )
    bias, bias_without = abs(score - unbiased_score), abs(score_without - unbiased_score)
    before_ci = Estimate(float(score[0]), {(ITEMS, domain): jackknife(score_without[0])}).ci
    results = []
    first = 1
    for number, group in enumerate(after):
        runs = slice(first, first := first + len(group))
        mean_over_seeds = partial(over_seeds, domain=domain, group=number)
        change, change_without = score[runs] - score[0], score_without[runs] - score_without[0]
        delta = mean_over_seeds(change, change_without)
        distance = mean_over_seeds(bias[runs] - bias[0], bias_without[runs] - bias_without[0])
        if _has_both_signs(
            *(part[at] - unbiased_score for part in (score, score_without) for at in (0, runs))
        ):  # |score − unbiased| changes by at most as much as the score
            distance = distance.within(float(abs(change).mean()) + delta.margin)
        results.append(
            DomainEffect(
                before=float(score[0]),
                before_ci=before_ci,
                after=float(score[runs].mean()),
                delta=delta.effect,
                bias=distance,
                other_scores={
                    n: (float(scores[n][0]), float(scores[n][runs].mean())) for n in others
                },
                clusters=len(original.sums),
                unbiased_score=unbiased_score,
            )
        )
    return results


def _has_both_signs(*parts: Floats) -> bool:
    """Whether the arrays together have values below 0 and above 0."""
    return any((part < 0).any() for part in parts) and any((part > 0).any() for part in parts)
