"""What runs did to one domain, with seeds and items both as sources of chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from fairforget.benchmarks.measurement import Judge, Row
from fairforget.statistics import RESAMPLES, Floats, bootstrap_parts, interval, seed_weights
from fairforget.transfer.needed import Spread
from fairforget.transfer.record import Effect


@dataclass(frozen=True, slots=True)
class Sampled:
    """A number, and what it might have been with other items and seeds."""

    value: float
    draws: Floats
    """[resamples]"""
    of_items: Floats
    """[resamples] with other items alone, every seed counting as it does in `value`."""

    @property
    def ci(self) -> tuple[float, float]:
        """95 % percentile interval."""
        return interval(self.draws)

    @property
    def p(self) -> float:
        """Two-sided bootstrap p-value of "it is 0" (Davison and Hinkley 1997, equation 4.11).

        A draw without a value (NaN) speaks for 0.
        """
        not_above, not_below = (~(self.draws > 0)).sum(), (~(self.draws < 0)).sum()
        return float(min(1.0, 2 * (min(not_above, not_below) + 1) / (len(self.draws) + 1)))

    @property
    def effect(self) -> Effect:
        """What the record keeps of it; p is not corrected yet."""
        return Effect(self.value, self.ci, self.p, self.p)

    @property
    def spread(self) -> Spread:
        """How large it is beside its chance."""
        return Spread(self.value, float(np.var(self.draws)), float(np.var(self.of_items)))

    def __sub__(self, other: Sampled) -> Sampled:
        return Sampled(
            self.value - other.value, self.draws - other.draws, self.of_items - other.of_items
        )


@dataclass(frozen=True, slots=True)
class Measured:
    """One group of runs, which differ in their seed alone, in one domain."""

    before: float
    before_ci: tuple[float, float]
    """Of the original's score: items alone."""
    after: float
    delta: Effect
    """Of the score."""
    bias: Sampled
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
    seed: int = 0,
    item_seed: int = 0,
    resamples: int = RESAMPLES,
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
        resamples: how many.

    Returns:
        [groups]
    """
    one = judge(before)
    others = [[judge(rows).sums for rows in group] for group in after]
    width = one.sums.shape[1]
    columns = np.hstack([one.sums, *(sums for group in others for sums in group)])
    sums = columns.sum(axis=0).reshape(-1, width)
    old = one.statistic(sums[0])
    measure, *beside = old
    neutral = one.neutral
    assert neutral is not None  # the caller's `bias_judge_of`
    ends = np.cumsum([1, *map(len, others)])
    places = [slice(start, end) for start, end in pairwise(ends)]
    weights = [
        seed_weights(len(group), seed=seed + number, resamples=resamples)
        for number, group in enumerate(others)
    ]
    pairs = list(zip(weights, places, strict=True))
    draws = np.empty((1 + 2 * len(others), resamples))
    """The original, each group, each group with its seeds as they are."""
    start = 0
    for totals in bootstrap_parts(columns, seed=item_seed, resamples=resamples):
        part = slice(start, start + len(totals))
        start = part.stop
        runs = totals.reshape(len(totals), -1, width)
        drawn = [np.einsum("rs,rsw->rw", w[part], runs[:, p]) for w, p in pairs]
        whole = [runs[:, place].mean(axis=1) for place in places]
        for row, of_model in enumerate([runs[:, 0], *drawn, *whole]):
            draws[row, part] = one.statistic(of_model)[measure]
    old_draws, new_draws, of_items = draws[0], draws[1 : 1 + len(others)], draws[1 + len(others) :]
    before_ci = interval(old_draws)
    results = []
    for number, place in enumerate(places):
        new = one.statistic(sums[place].mean(axis=0))
        change = float(new[measure] - old[measure])
        bias = float(abs(new[measure] - neutral) - abs(old[measure] - neutral))
        from_none = np.abs(old_draws - neutral)
        results.append(
            Measured(
                before=float(old[measure]),
                before_ci=before_ci,
                after=float(new[measure]),
                delta=Sampled(
                    change, new_draws[number] - old_draws, of_items[number] - old_draws
                ).effect,
                bias=Sampled(
                    bias,
                    np.abs(new_draws[number] - neutral) - from_none,
                    np.abs(of_items[number] - neutral) - from_none,
                ),
                beside={name: (float(old[name]), float(new[name])) for name in beside},
                clusters=len(columns),
                neutral=neutral,
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
        np.mean([part.of_items for part in parts], axis=0),
    )


def ratio(upper: Sampled, lower: Sampled) -> tuple[float, tuple[float, float]]:
    """`upper` ÷ `lower` and its 95 % percentile interval; `lower` must not be 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        draws = upper.draws / lower.draws
    return upper.value / lower.value, interval(draws)
