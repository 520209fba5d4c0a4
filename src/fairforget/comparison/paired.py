"""Paired differences of one benchmark on the same items, with intervals and exact tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from fairforget.benchmarks.measurement import ALL, Judge, Row, group_by_domain
from fairforget.errors import InputError
from fairforget.statistics import (
    FEWEST_CLUSTERS,
    SIGNIFICANT,
    Floats,
    adjust_holm,
    bootstrap_totals,
    interval,
    mcnemar,
)

Verdict = Literal["less", "more", "undecided"]
Caveat = Literal["few", "interval", "crossing", "correction"]
"""Too few terms; the interval of the change includes none; so does that of the distance from no
bias alone, for the score moved past it; the corrected p-value is too large."""


@dataclass(frozen=True, slots=True)
class Change:
    """A score before and after, and the difference with its 95 % paired bootstrap interval."""

    before: float
    after: float
    delta: float
    ci: tuple[float, float] | None = None

    @property
    def decided(self) -> bool:
        """Whether the interval excludes no change."""
        return self.ci is not None and (self.ci[1] < 0 or self.ci[0] > 0)


@dataclass(frozen=True, slots=True)
class Cell:
    """What happened in one domain of one benchmark."""

    benchmark: str
    domain: str
    measure: str
    """The name of the benchmark's bias score: `ss`, `stereotype`, `bias_ambiguous`."""
    score: Change
    distance: Change | None
    """The score's distance from no bias."""
    beside: dict[str, Change]
    """The benchmark's other scores: without them the first says little."""
    items: int
    clusters: int
    """What was resampled: target terms of StereoSet, pairs of CrowS-Pairs, templates of BBQ."""
    gained: int
    """Items whose verdict became the stereotype (of general ability: the right answer) …"""
    lost: int
    """… and those whose verdict ceased to be."""
    ties: tuple[int, int]
    """Items with equal scores, before and after."""
    p: float
    """Exact two-sided McNemar test of `gained` against `lost`."""
    p_adjusted: float
    """The same after Holm's correction for all cells of its family (`adjusted`)."""

    @property
    def verdict(self) -> Verdict:
        """Whether bias became less or more, where interval, test and number of terms agree."""
        if self.caveat or self.distance is None or self.distance.ci is None:
            return "undecided"
        return "less" if self.distance.ci[1] < 0 else "more"

    @property
    def caveat(self) -> Caveat | None:
        """Why nothing can be said, or None."""
        if self.clusters < FEWEST_CLUSTERS:
            return "few"
        if self.distance is None or not self.distance.decided:
            return "crossing" if self.score.decided else "interval"
        return None if self.p_adjusted < SIGNIFICANT else "correction"


def compare_items(
    name: str,
    judge: Judge,
    before: Sequence[Row],
    after: Sequence[Row],
    *,
    order: Sequence[str] = (),
    seed: int = 0,
) -> list[Cell]:
    """Compare the items of one benchmark, per domain and over all; p-values are not adjusted.

    Args:
        name: the benchmark's.
        judge: how its items become numbers: `fairforget.benchmarks.judge_of(name)`.
        before: its items.
        after: the same items, scored by another model.
        order: of the domains; by default that of the items.
        seed: of the bootstrap.

    Raises:
        InputError: the items differ; says in what.
    """
    paired = _same_items(name, before, after)
    cells = []
    for domain, rows in group_by_domain(before, order).items():
        others = [paired[row["id"]] for row in rows]
        one, two = judge(rows), judge(others)
        both = np.hstack([one.sums, two.sums])
        width = one.sums.shape[1]
        points = [judged.statistic(judged.sums.sum(axis=0)) for judged in (one, two)]
        totals = bootstrap_totals(both, seed=seed)
        draws = [one.statistic(part) for part in (totals[:, :width], totals[:, width:])]
        changes = {
            key: _change([p[key] for p in points], [d[key] for d in draws]) for key in points[0]
        }
        changes = {key: c for key, c in changes.items() if not np.isnan([c.before, c.after]).any()}
        measure = next(iter(points[0]))
        if measure not in changes:
            continue  # a domain without a single item that the score is about
        distance = None
        if (unbiased_score := one.unbiased_score) is not None:
            distance = _change(
                [np.abs(p[measure] - unbiased_score) for p in points],
                [np.abs(d[measure] - unbiased_score) for d in draws],
            )
        gained = int((~one.verdicts & two.verdicts).sum())
        lost = int((one.verdicts & ~two.verdicts).sum())
        p = mcnemar(lost, gained)
        cells.append(
            Cell(
                benchmark=name,
                domain=domain,
                measure=measure,
                score=changes.pop(measure),
                distance=distance,
                beside=changes,
                items=len(rows),
                clusters=len(both),
                gained=gained,
                lost=lost,
                ties=(one.ties, two.ties),
                p=p,
                p_adjusted=p,
            )
        )
    return cells


def adjust_p_values(cells: Sequence[Cell]) -> list[Cell]:
    """The same cells with p-values corrected for how many there are of their family (Holm).

    Bias of single domains is one family; of all items, which repeats these, another; ability a
    third.
    """
    values = adjust_holm(
        {
            n: ((cell.distance is not None, cell.domain == ALL), cell.p)
            for n, cell in enumerate(cells)
        }
    )
    return [replace(cell, p_adjusted=values[n]) for n, cell in enumerate(cells)]


def _change(points: Sequence[Floats], draws: Sequence[Floats]) -> Change:
    before, after = (float(point) for point in points)
    bounds = interval(draws[1] - draws[0])
    return Change(before, after, after - before, bounds if np.isfinite(bounds).all() else None)


def _same_items(name: str, before: Sequence[Row], after: Sequence[Row]) -> dict[str, Row]:
    """The items of after by id, if they are those of before, word for word."""
    old, new = ({row["id"]: row for row in rows} for rows in (before, after))
    if old.keys() != new.keys():
        alone = [i for i in {**old, **new} if (i in old) != (i in new)]
        where = "before" if alone[0] in old else "after"
        raise InputError(
            f"{name} cannot be compared: the items differ, {len(alone)} are on one side only, such "
            f"as {alone[0]!r} ({where}); evaluate both on the same items"
        )
    for identity, row in old.items():
        for key, value in row.items():
            if isinstance(value, str) and new[identity].get(key) != value:
                raise InputError(
                    f"{name} cannot be compared: item {identity!r} has {key} {value[:60]!r} before "
                    f"and {str(new[identity].get(key))[:60]!r} after; evaluate both on the same "
                    "items"
                )
    return new
