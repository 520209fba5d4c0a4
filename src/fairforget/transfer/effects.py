"""What runs did to one domain, with seeds and items both as sources of chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fairforget.benchmarks.measurement import Judge, Row
from fairforget.statistics import Floats, jackknife, left_out
from fairforget.transfer.estimate import ITEMS, Estimate, Source
from fairforget.transfer.record import Effect


@dataclass(frozen=True, slots=True)
class Measured:
    """One group of runs, which differ in their seed alone, in one domain."""

    before: float
    before_ci: tuple[float, float]
    """Of the original's score."""
    after: float
    delta: Effect
    """Of the score."""
    bias: Estimate
    """Of the score's distance from that of a model without bias; below 0 is less bias."""
    beside: dict[str, tuple[float, float]]
    """The benchmark's other scores, before and after."""
    clusters: int
    neutral: float
    """The score of a model without bias."""

    @property
    def unbiased(self) -> bool:
        """Whether the original may have had no bias: its interval holds the score of such a one."""
        low, high = self.before_ci
        return low <= self.neutral <= high


def measured(
    judge: Judge,
    before: Sequence[Row],
    after: Sequence[Sequence[Sequence[Row]]],
    *,
    domain: str,
) -> list[Measured]:
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
    one = judge(before)
    neutral = one.neutral
    assert neutral is not None  # the caller's `bias_judge_of`
    whole = one.sums.sum(axis=0)
    old = {name: float(value) for name, value in one.statistic(whole).items()}
    measure, *beside = old

    def score(totals: Floats) -> Floats:
        return np.asarray(one.statistic(totals)[measure])

    of_items: Source = (ITEMS, domain)
    without = score(left_out(one.sums))
    original = Estimate(old[measure], {of_items: jackknife(without)})
    unfair = Estimate(abs(old[measure] - neutral), {of_items: jackknife(abs(without - neutral))})
    results = []
    for number, group in enumerate(after):
        runs = np.stack([judge(rows).sums for rows in group])
        new = one.statistic(runs.sum(axis=1).mean(axis=0))
        value = float(new[measure])
        fewer: dict[Source, Floats] = {of_items: score(left_out(runs.mean(axis=0)))}
        if len(group) > 1:
            fewer["seeds", number] = score(left_out(runs.sum(axis=1)) / (len(group) - 1))
        changed = Estimate(value, {name: jackknife(part) for name, part in fewer.items()})
        bias = Estimate(
            abs(value - neutral),
            {name: jackknife(abs(part - neutral)) for name, part in fewer.items()},
        )
        results.append(
            Measured(
                before=old[measure],
                before_ci=original.ci,
                after=value,
                delta=(changed - original).effect,
                bias=bias - unfair,
                beside={name: (old[name], float(new[name])) for name in beside},
                clusters=len(one.sums),
                neutral=neutral,
            )
        )
    return results
