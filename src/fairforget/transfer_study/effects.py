"""What runs did to one domain, with seeds and items both as sources of chance."""

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
    """One group of runs, which differ in their seed alone, in one domain."""

    before: float
    before_ci: tuple[float, float]
    """Of the original's score."""
    after: float
    delta: Effect
    """Of the score."""
    bias: Estimate
    """Of a run's distance from the score of a model without bias, the mean over runs: what to
    expect of one; below 0 is less bias."""
    beside: dict[str, tuple[float, float]]
    """The benchmark's other scores, before and after."""
    clusters: int
    unbiased_score: float
    """The score of a model without bias."""

    @property
    def is_unbiased(self) -> bool:
        """Whether the original may have had no bias: its interval holds the score of such a one."""
        low, high = self.before_ci
        return low <= self.unbiased_score <= high


def measure_effect(
    judge: Judge,
    before: Sequence[Row],
    after: Sequence[Sequence[Sequence[Row]]],
    *,
    domain: str,
) -> list[DomainEffect]:
    """Compare every group of runs with the original.

    What chance does is estimated by leaving out: one cluster of items of all runs and of the
    original, which are so compared in pairs, or one seed of a group.

    Args:
        judge: of the benchmark.
        before: the domain's items, scored by the original model.
        after: [groups][seeds] the same items in the same order, scored by each run.
        domain: its name.

    Returns:
        [groups]
    """
    original = judge(before)
    unbiased_score = original.unbiased_score
    assert unbiased_score is not None  # the caller's `find_bias_judge`
    # one array, the original first: equal items then give equal sums, to the last digit
    sums = np.stack([original.sums, *(judge(rows).sums for group in after for rows in group)])
    found = {n: np.asarray(v) for n, v in original.statistic(sums.sum(axis=1)).items()}
    measure, *others = found
    score, score_without = (
        found[measure],
        np.asarray(original.statistic(leave_one_out(sums))[measure]),
    )
    bias, bias_without = abs(score - unbiased_score), abs(score_without - unbiased_score)
    before_ci = Estimate(float(score[0]), {(ITEMS, domain): jackknife(score_without[0])}).ci
    results = []
    first = 1
    for number, group in enumerate(after):
        runs = slice(first, first := first + len(group))
        over = partial(over_seeds, domain=domain, group=number)
        change, change_without = score[runs] - score[0], score_without[runs] - score_without[0]
        delta = over(change, change_without)
        distance = over(bias[runs] - bias[0], bias_without[runs] - bias_without[0])
        if _has_both_signs(
            *(
                part[place] - unbiased_score
                for part in (score, score_without)
                for place in (0, runs)
            )
        ):  # a score's distance from a point changes by no more than the score
            distance = distance.within(float(abs(change).mean()) + delta.margin)
        results.append(
            DomainEffect(
                before=float(score[0]),
                before_ci=before_ci,
                after=float(score[runs].mean()),
                delta=delta.effect,
                bias=distance,
                beside={n: (float(found[n][0]), float(found[n][runs].mean())) for n in others},
                clusters=len(original.sums),
                unbiased_score=unbiased_score,
            )
        )
    return results


def _has_both_signs(*parts: Floats) -> bool:
    """Whether some of all these numbers are below 0, and some above."""
    return any((part < 0).any() for part in parts) and any((part > 0).any() for part in parts)
