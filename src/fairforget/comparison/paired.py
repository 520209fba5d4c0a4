"""Paired differences on the same items of a benchmark, with bootstrap intervals and exact tests."""

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
"""Why a change is undecided.

- few: too few clusters.
- interval: the interval of the score's change includes 0.
- crossing: only the interval of the change of distance includes 0, because the score may have moved
  past no bias.
- correction: the corrected p-value is not below 0.05.
"""


@dataclass(frozen=True, slots=True)
class Change:
    """A score before and after, and the difference with its 95 % paired bootstrap interval."""

    before: float
    after: float
    delta: float
    ci: tuple[float, float] | None = None

    @property
    def is_decided(self) -> bool:
        """Whether the interval excludes 0."""
        return self.ci is not None and (self.ci[1] < 0 or self.ci[0] > 0)


@dataclass(frozen=True, slots=True)
class Cell:
    """The changes in one domain of one benchmark."""

    benchmark: str
    domain: str
    measure: str
    """The name of the benchmark's bias score: `ss`, `stereotype`, `bias_ambiguous`."""
    score: Change
    distance: Change | None
    """Change of the score's distance from no bias; None for a benchmark of general ability."""
    beside: dict[str, Change]
    """Changes of the benchmark's other scores, to be read with the first."""
    items: int
    clusters: int
    """Units of resampling: StereoSet target terms, CrowS-Pairs pairs, BBQ templates."""
    gained: int
    """Items where the model switched to the stereotype (general ability: to the right answer)."""
    lost: int
    """Items where the model switched away from it."""
    ties: tuple[int, int]
    """Items with equal scores, before and after."""
    p: float
    """Exact two-sided McNemar test of `gained` against `lost`."""
    p_adjusted: float
    """`p`, Holm-corrected within its family (`adjust_p_values`)."""

    @property
    def verdict(self) -> Verdict:
        """Whether bias fell or rose; undecided unless interval, test and cluster count agree."""
        if self.caveat or self.distance is None or self.distance.ci is None:
            return "undecided"
        return "less" if self.distance.ci[1] < 0 else "more"

    @property
    def caveat(self) -> Caveat | None:
        """Why the change is undecided; None if it is decided."""
        if self.clusters < FEWEST_CLUSTERS:
            return "few"
        if self.distance is None or not self.distance.is_decided:
            return "crossing" if self.score.is_decided else "interval"
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
    """Compare the items of one benchmark, by domain and over all; p-values are uncorrected.

    Args:
        name: of the benchmark.
        judge: its judge, from `fairforget.benchmarks.find_judge(name)`.
        before: the items, scored by one model.
        after: the same items, scored by another model.
        order: of the domains; by default that of the items.
        seed: of the bootstrap.

    Raises:
        InputError: the items differ; names the difference.
    """
    after_by_id = _match_items(name, before, after)
    cells = []
    for domain, rows in group_by_domain(before, order).items():
        old, new = judge(rows), judge([after_by_id[row["id"]] for row in rows])
        sums = np.hstack([old.sums, new.sums])  # resampled together: the comparison is paired
        width = old.sums.shape[1]
        scores = [side.statistic(side.sums.sum(axis=0)) for side in (old, new)]
        totals = bootstrap_totals(sums, seed=seed)
        draws = [old.statistic(part) for part in (totals[:, :width], totals[:, width:])]
        changes = {
            key: _change([s[key] for s in scores], [d[key] for d in draws]) for key in scores[0]
        }
        changes = {key: c for key, c in changes.items() if not np.isnan([c.before, c.after]).any()}
        measure = next(iter(scores[0]))
        if measure not in changes:
            continue  # no item of this domain counts in the bias score
        distance = None
        if (unbiased_score := old.unbiased_scores.get(measure)) is not None:
            distance = _change(
                [np.abs(s[measure] - unbiased_score) for s in scores],
                [np.abs(d[measure] - unbiased_score) for d in draws],
            )
        gained = int((~old.verdicts & new.verdicts).sum())
        lost = int((old.verdicts & ~new.verdicts).sum())
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
                clusters=len(sums),
                gained=gained,
                lost=lost,
                ties=(old.ties, new.ties),
                p=p,
                p_adjusted=p,
            )
        )
    return cells


def adjust_p_values(cells: Sequence[Cell]) -> list[Cell]:
    """The cells with p-values Holm-corrected within families.

    There are separate families for bias and for general ability, and for single domains and for
    all items, which repeat the single domains.
    """
    p_values = adjust_holm(
        {
            n: ((cell.distance is not None, cell.domain == ALL), cell.p)
            for n, cell in enumerate(cells)
        }
    )
    return [replace(cell, p_adjusted=p_values[n]) for n, cell in enumerate(cells)]


def _change(scores: Sequence[Floats], draws: Sequence[Floats]) -> Change:
    before, after = (float(score) for score in scores)
    bounds = interval(draws[1] - draws[0])
    return Change(before, after, after - before, bounds if np.isfinite(bounds).all() else None)


def _match_items(name: str, before: Sequence[Row], after: Sequence[Row]) -> dict[str, Row]:
    """The items of `after` by id, after a check that their ids and texts are those of `before`."""
    old, new = ({row["id"]: row for row in rows} for rows in (before, after))
    if old.keys() != new.keys():
        unmatched = [i for i in {**old, **new} if (i in old) != (i in new)]
        side = "before" if unmatched[0] in old else "after"
        raise InputError(
            f"{name} cannot be compared: the items differ, {len(unmatched)} on one side only, such "
            f"as {unmatched[0]!r} ({side}); evaluate both on the same items"
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
