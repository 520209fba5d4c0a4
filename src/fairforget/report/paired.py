"""What `fairforget.compare` found in one domain, as the report reads it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from fairforget import compare
from fairforget.benchmarks import judge_of
from fairforget.errors import InputError
from fairforget.statistics import FEWEST_CLUSTERS, SIGNIFICANT

Row = dict[str, Any]
Verdict = Literal["less", "more", "undecided"]
Doubt = Literal["few", "interval", "crossing", "correction"]
"""Too few terms; the interval of the change of bias includes none; so does that of the distance
from 50 alone, for the score moved past it; the corrected p-value is too large."""


@dataclass(frozen=True, slots=True)
class Change:
    """A measure before and after, and the 95 % interval of the difference."""

    before: float
    after: float
    delta: float
    ci: tuple[float, float]

    @property
    def decided(self) -> bool:
        """Whether the interval excludes no change."""
        return self.ci[1] < 0 or self.ci[0] > 0


@dataclass(frozen=True, slots=True)
class PairedDomain:
    """What happened in one domain, on the items that both evaluations scored."""

    score: Change
    """Stereotype score, %: 50 is no preference."""
    bias: Change
    """Its distance from 50."""
    lms: Change | None
    icat: Change | None
    items: int
    clusters: int
    to_anti: int
    """Items whose preference flipped from the stereotype …"""
    to_stereotype: int
    """… and to it."""
    p_adjusted: float
    """Exact McNemar test of the two, corrected for all cells of the comparison (Holm)."""

    @property
    def verdict(self) -> Verdict:
        """Whether bias became less or more, where interval, test and number of terms agree."""
        if self.doubt:
            return "undecided"
        return "less" if self.bias.ci[1] < 0 else "more"

    @property
    def doubt(self) -> Doubt | None:
        """Why nothing can be said, or None."""
        if self.clusters < FEWEST_CLUSTERS:
            return "few"
        if not self.bias.decided:
            return "crossing" if self.score.decided else "interval"
        return None if self.p_adjusted < SIGNIFICANT else "correction"


def paired_domain(cell: compare.Cell) -> PairedDomain | None:
    """A cell of a comparison; None where the score has no place that means no bias."""
    if cell.distance is None:
        return None
    return PairedDomain(
        score=_change(cell.score),
        bias=_change(cell.distance),
        lms=_change(cell.beside["lms"]) if "lms" in cell.beside else None,
        icat=_change(cell.beside["icat"]) if "icat" in cell.beside else None,
        items=cell.items,
        clusters=cell.clusters,
        to_anti=cell.lost,
        to_stereotype=cell.gained,
        p_adjusted=cell.p_adjusted,
    )


def compared_items(
    benchmark: str, before: Sequence[Row], after: Sequence[Row], *, seed: int = 0
) -> list[compare.Cell]:
    """Compare the items of one benchmark; none where a side kept none, or none can be compared.

    Raises:
        InputError: the items differ, or lack a field.
    """
    rows = [[r for r in side if r.get("benchmark") == benchmark] for side in (before, after)]
    judge = judge_of(benchmark)
    if judge is None or not all(rows):
        return []
    try:
        return compare.compare_items(benchmark, judge, rows[0], rows[1], seed=seed)
    except (KeyError, TypeError) as error:
        raise InputError(f"{benchmark} items lack a field or a number: {error}") from error


def _change(found: compare.Change) -> Change:
    return Change(found.before, found.after, found.delta, found.ci or (math.nan, math.nan))
