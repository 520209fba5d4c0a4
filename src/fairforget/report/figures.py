"""Plots as geometry: positions in % of the width, which the templates draw as fluid SVG.

Nothing here is markup, so no text of a corpus or a model can become any; and at any width the
letters keep their size.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from fairforget.benchmarks.measurement import ALL
from fairforget.report.before_after import DomainChange
from fairforget.report.scores import DomainScore
from fairforget.report.wording import (
    domain_name,
    format_interval,
    format_number,
    format_signed,
    format_with_interval,
)

SCHEDULE = ("step", "epoch", "learning_rate")
"""Logged quantities that say where training is, not how it goes."""


_DOUBTS = {
    "few": "undecided (too few terms)",
    "interval": "undecided",
    "crossing": "undecided (perhaps past 50)",
    "correction": "undecided (p, corrected)",
}


@dataclass(frozen=True, slots=True)
class Tick:
    """A labelled place on the axis."""

    x: float
    text: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A point and its interval, in % of the width."""

    x: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class DotRow:
    """One domain's line."""

    label: str
    value: str
    before: Mark | None
    after: Mark
    verdict: str = ""
    tip: str = ""
    strong: bool = False


@dataclass(frozen=True, slots=True)
class DotPlot:
    """Points with intervals, one row per domain, around an ideal."""

    id: str
    caption: str
    summary: str
    """For those who cannot see it."""
    rows: list[DotRow]
    ticks: list[Tick]
    ideal: Tick
    axis: str


@dataclass(frozen=True, slots=True)
class Curve:
    """One quantity over the steps of training."""

    name: str
    points: str
    """SVG points, x and y from 0 to 100, y downwards."""
    low: str
    high: str
    first: str
    last: str
    steps: tuple[str, str]
    end: tuple[float, float]


FAR = 1e9
"""The largest number on an axis."""


class Scale:
    """Maps values to % of the width, with room at both ends and round ticks."""

    def __init__(self, values: Sequence[float], *, floor: float = -math.inf) -> None:
        """Span the given values, and nothing below the floor, which is a round number.

        What no axis can show, infinite say, is left out, and lies at an end.
        """
        drawn = [value for value in values if abs(value) <= FAR] or [0.0]
        low, high = min(drawn), max(drawn)
        width = max(high - low, 1.0)
        step = next(s for s in (0.5, 1, 2, 5, 10, 20, 25, 50, 100, math.inf) if width / s <= 6)
        step = width if math.isinf(step) else step
        self.low = max(math.floor(low / step - 0.25) * step, floor)
        self.high = math.ceil(high / step + 0.25) * step
        self._step = step

    def x(self, value: float) -> float:
        """Where a value lies, in %."""
        value = min(max(self.low, value), self.high)
        return round((value - self.low) / (self.high - self.low) * 100, 3)

    def ticks(self, *, sign: bool = False) -> list[Tick]:
        """Round values."""
        count = round((self.high - self.low) / self._step)
        values = [self.low + i * self._step for i in range(count + 1)]
        digits = 0 if float(self._step).is_integer() else 1
        form = format_signed if sign else format_number
        return [Tick(self.x(v), form(v, digits)) for v in values]


def score_plot(
    id: str, caption: str, before: Sequence[DomainScore], after: Sequence[DomainScore]
) -> DotPlot:
    """Stereotype scores per domain; `before` may be empty."""
    earlier = {score.domain: score for score in before}
    scale = Scale([50.0, *(v for s in (*before, *after) for v in (s.score, *(s.ci or ())))])
    rows = []
    for score in after:
        old = earlier.get(score.domain)
        tip = f"{domain_name(score.domain)}: "
        tip += f"before {format_with_interval(old.score, old.ci)}, after " if old else ""
        value = (
            f"{format_number(old.score)} → {format_number(score.score)}"
            if old
            else format_number(score.score)
        )
        rows.append(
            DotRow(
                label=domain_name(score.domain),
                value=value,
                before=mark_at(scale, old.score, old.ci) if old else None,
                after=mark_at(scale, score.score, score.ci),
                tip=tip + format_with_interval(score.score, score.ci),
                strong=score.domain == ALL,
            )
        )
    return DotPlot(
        id=id,
        caption=caption,
        summary="; ".join(row.tip for row in rows),
        rows=rows,
        ticks=scale.ticks(),
        ideal=Tick(scale.x(50), "50: no preference"),
        axis="Stereotype score, %",
    )


def change_plot(id: str, caption: str, changes: Sequence[DomainChange]) -> DotPlot | None:
    """Paired changes of the stereotype score, with their intervals."""
    known = [(c, c.paired) for c in changes if c.paired]
    if not known:
        return None
    scale = Scale([0.0, *(v for _, p in known for v in (p.score.delta, *(p.score.ci or ())))])
    rows = [
        DotRow(
            label=domain_name(change.domain),
            value=format_signed(paired.score.delta),
            before=None,
            after=mark_at(scale, paired.score.delta, paired.score.ci),
            verdict=change.verdict,
            tip=f"{domain_name(change.domain)}: {format_signed(paired.score.delta)} "
            f"({format_interval(paired.score.ci)}), {describe_verdict(change)}",
            strong=change.domain == ALL,
        )
        for change, paired in known
    ]
    return DotPlot(
        id=id,
        caption=caption,
        summary="; ".join(row.tip for row in rows),
        rows=rows,
        ticks=scale.ticks(sign=True),
        ideal=Tick(scale.x(0), "no change"),
        axis="Change of the stereotype score, points",
    )


def describe_verdict(change: DomainChange) -> str:
    """What can be said of a domain."""
    if change.paired is None:
        return "no interval"
    if change.paired.caveat is not None:
        return _DOUBTS[change.paired.caveat]
    return {"less": "less bias", "more": "more bias"}[change.verdict]


def curves(history: Sequence[dict[str, float]]) -> list[Curve]:
    """One curve per quantity that was logged at two finite steps or more."""
    names = dict.fromkeys(name for row in history for name in row if name not in SCHEDULE)
    found = []
    for name in names:
        points = [
            (float(row.get("step", i)), float(row[name]))
            for i, row in enumerate(history, 1)
            if name in row and math.isfinite(row[name])
        ]
        if len(points) < 2:
            continue
        xs, ys = zip(*points, strict=True)
        low, high = min(ys), max(ys)
        width, height = (max(xs) - min(xs)) or 1.0, (high - low) or 1.0
        flat = high == low
        placed = [
            (
                round((x - min(xs)) / width * 100, 2),
                50.0 if flat else round((high - y) / height * 100, 2),
            )
            for x, y in points
        ]
        found.append(
            Curve(
                name=name,
                points=" ".join(f"{x:g},{y:g}" for x, y in placed),
                low=_short(low),
                high=_short(high),
                first=_short(ys[0]),
                last=_short(ys[-1]),
                steps=(f"{min(xs):g}", f"{max(xs):g}"),
                end=placed[-1],
            )
        )
    return found


def _short(value: float) -> str:
    return f"{value:.4g}".replace("-", "−")


def mark_at(scale: Scale, value: float, ci: tuple[float, float] | None) -> Mark:
    """A number and its interval, which is the number itself where it has none."""
    low, high = ci or (value, value)
    return Mark(scale.x(value), scale.x(low), scale.x(high))
