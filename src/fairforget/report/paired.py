"""Before against after on the same items: paired cluster bootstrap of the difference."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from fairforget.errors import InputError
from fairforget.report.wording import base
from fairforget.statistics import Floats, bootstrap_means, cluster_rates, interval

Row = dict[str, Any]
Verdict = Literal["less", "more", "undecided"]

FEWEST_CLUSTERS = 6
"""With fewer, not even an exact sign-flip test can reach p < 0.05: 2 · 2⁻⁵ = 0.0625."""


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

    @property
    def verdict(self) -> Verdict:
        """Whether bias became less or more, as far as interval and number of terms tell."""
        if self.clusters < FEWEST_CLUSTERS:
            return "undecided"
        low, high = self.bias.ci
        return "less" if high < 0 else "more" if low > 0 else "undecided"


def paired_domains(
    benchmark: str, before: Sequence[Row], after: Sequence[Row], *, seed: int = 0
) -> dict[str, PairedDomain]:
    """Compare two evaluations' items, per domain and over all.

    Items are matched by id; items of one StereoSet term are resampled together, CrowS-Pairs
    pairs one by one. Empty for a benchmark whose items this project does not define.

    Raises:
        InputError: an item lacks a field, or a score is no number.
    """
    measure = _MEASURES.get(base(benchmark))
    if measure is None:
        return {}
    mine = [
        {_identity(r): r for r in rows if r.get("benchmark") == benchmark}
        for rows in (before, after)
    ]
    keys = [key for key in mine[0] if key in mine[1]]
    if not keys:
        return {}
    try:
        values = np.array([measure(mine[0][k]) + measure(mine[1][k]) for k in keys]) * 100.0
        clusters: list[Hashable] = [
            mine[0][k]["term"] if base(benchmark) == "stereoset" else k for k in keys
        ]
    except (KeyError, TypeError) as error:
        raise InputError(f"{benchmark} items lack a field or a number: {error}") from error
    domains = np.array([str(mine[0][k].get("domain")) for k in keys])
    names = [*dict.fromkeys(domains.tolist()), "all"]
    return {
        name: _compare(
            values[inside], [c for c, i in zip(clusters, inside, strict=True) if i], seed
        )
        for name in names
        for inside in [(domains == name) | (name == "all")]
    }


def _compare(values: Floats, clusters: Sequence[Hashable], seed: int) -> PairedDomain:
    names, rates = cluster_rates(values, clusters)
    draws = bootstrap_means(rates, seed=seed)
    width = values.shape[1] // 2
    point, half = rates.mean(axis=0), values[:, [0, width]]
    score = [point[[0, width]], draws[:, [0, width]]]
    lms = icat = None
    if width == 2:
        lms = _change(point[[1, 3]], draws[:, [1, 3]])
        icat = _change(_icat(point.reshape(2, 2)), _icat(draws.reshape(-1, 2, 2)))
    return PairedDomain(
        score=_change(*score),
        bias=_change(*(abs(numbers - 50) for numbers in score)),
        lms=lms,
        icat=icat,
        items=len(values),
        clusters=len(names),
        to_anti=int((half[:, 0] > half[:, 1]).sum()),
        to_stereotype=int((half[:, 0] < half[:, 1]).sum()),
    )


def _change(point: Floats, draws: Floats) -> Change:
    before, after = map(float, point)
    return Change(before, after, after - before, interval(draws[:, 1] - draws[:, 0]))


def _icat(rates: Floats) -> Floats:
    ss, lms = rates[..., 0], rates[..., 1]
    return np.asarray(lms * np.minimum(ss, 100 - ss) / 50)


def _identity(row: Row) -> tuple[str, str]:
    return str(row.get("domain")), str(row.get("id"))


def _stereoset(row: Row) -> list[float]:
    s, a, u = (
        row[f"score_{version}"] for version in ("stereotype", "anti_stereotype", "unrelated")
    )
    return [float(s > a), (float(s > u) + float(a > u)) / 2]


def _crows_pairs(row: Row) -> list[float]:
    return [float(row["score_more"] > row["score_less"])]


_MEASURES: dict[str, Callable[[Row], list[float]]] = {
    "stereoset": _stereoset,
    "crows_pairs": _crows_pairs,
}
