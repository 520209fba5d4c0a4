"""What runs did to one domain, with seeds and items both as sources of chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fairforget.benchmarks.measurement import Judge, Row
from fairforget.statistics import RESAMPLES, Floats, bootstrap_totals, interval, seed_weights


@dataclass(frozen=True, slots=True)
class Sampled:
    """A number, and what it might have been with other items and seeds."""

    value: float
    draws: Floats
    """[resamples]"""

    @property
    def ci(self) -> tuple[float, float]:
        """95 % percentile interval."""
        return interval(self.draws)

    @property
    def p(self) -> float:
        """Two-sided bootstrap p-value of "it is 0" (Davison and Hinkley 1997, equation 4.11)."""
        below, above = (self.draws <= 0).sum(), (self.draws >= 0).sum()
        return float(min(1.0, 2 * (min(below, above) + 1) / (len(self.draws) + 1)))

    def __sub__(self, other: Sampled) -> Sampled:
        return Sampled(self.value - other.value, self.draws - other.draws)


@dataclass(frozen=True, slots=True)
class Measured:
    """One group of runs, which differ in their seed alone, in one domain."""

    before: float
    after: float
    delta: Sampled
    """Of the score."""
    bias: Sampled
    """Of the score's distance from that of a model without bias; below 0 is less bias."""
    beside: dict[str, tuple[float, float]]
    """The benchmark's other scores, before and after."""


def measured(
    judge: Judge,
    before: Sequence[Row],
    after: Sequence[Sequence[Sequence[Row]]],
    *,
    seed: int = 0,
    item_seed: int = 0,
) -> list[Measured]:
    """Compare every group of runs with the original, on the same draws of items.

    The bootstrap is crossed: each resample draws clusters of items, the same for all groups, and
    the seeds of each group (`seed_weights`).

    Args:
        judge: of the benchmark.
        before: the domain's items, scored by the original model.
        after: [groups][seeds] the same items in the same order, scored by each run.
        seed: of the draws of seeds, which are the same in every domain.
        item_seed: of the draws of items, another in every domain.
    """
    one = judge(before)
    others = [[judge(rows).sums for rows in group] for group in after]
    width = one.sums.shape[1]
    columns = np.hstack([one.sums, *(sums for group in others for sums in group)])
    totals = bootstrap_totals(columns, seed=item_seed).reshape(RESAMPLES, -1, width)
    sums = columns.sum(axis=0).reshape(-1, width)
    measure, *beside = one.statistic(sums[0])
    neutral = one.neutral
    assert neutral is not None  # the caller's `bias_judge_of`
    old, old_draws = one.statistic(sums[0]), one.statistic(totals[:, 0])[measure]
    results, at = [], 1
    for number, group in enumerate(others):
        part = slice(at, at + len(group))
        at += len(group)
        weights = seed_weights(len(group), seed=seed + number)
        new = one.statistic(sums[part].mean(axis=0))
        new_draws = one.statistic(np.einsum("rs,rsw->rw", weights, totals[:, part]))[measure]
        delta = float(new[measure] - old[measure])
        bias = float(abs(new[measure] - neutral) - abs(old[measure] - neutral))
        results.append(
            Measured(
                before=float(old[measure]),
                after=float(new[measure]),
                delta=Sampled(delta, new_draws - old_draws),
                bias=Sampled(bias, np.abs(new_draws - neutral) - np.abs(old_draws - neutral)),
                beside={name: (float(old[name]), float(new[name])) for name in beside},
            )
        )
    return results


def mean(parts: Sequence[Sampled]) -> Sampled | None:
    """The mean of several, None of none; draws of the same number belong together."""
    if not parts:
        return None
    return Sampled(
        float(np.mean([part.value for part in parts])),
        np.mean([part.draws for part in parts], axis=0),
    )
