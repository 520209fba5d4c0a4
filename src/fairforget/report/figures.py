"""Plots as geometry: positions in % of the width, which the templates draw as fluid SVG.

There is no markup here, so text from a corpus or a model cannot inject any. At any width of the
page, text keeps its size.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from fairforget.benchmarks.measurement import ALL
from fairforget.benchmarks.measures import MEASURES, Measure, measure_of
from fairforget.comparison.score_change import Score
from fairforget.report.before_after import DomainChange
from fairforget.report.cell_words import describe_cell, shown_interval
from fairforget.report.scores import DomainScore
from fairforget.report.wording import (
    BIAS_VERDICTS,
    domain_name,
    format_number,
    format_signed,
    format_with_interval,
)

SCHEDULE = ("step", "epoch", "learning_rate")
"""Logged quantities that are not plotted as curves."""
LOGGED = {
    "loss": "total loss",
    "forget": "forget loss",
    "retain": "retain loss",
    "likelihood": "probability of target tokens",
    "grad_norm": "gradient norm",
    "perplexity_ratio": "perplexity on some held-out text, × the original’s",
    "everyday_perplexity_ratio": "perplexity on some everyday sentences, × the original’s",
}
"""Logged quantity → its name on pages."""
MAX_VALUE = 1e9
"""Largest absolute value on an axis."""


@dataclass(frozen=True, slots=True)
class Tick:
    """A labelled position on an axis, in % of the width."""

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
    """The line of one domain."""

    label: str
    value: str
    before: Mark | None
    after: Mark
    verdict: str = ""
    tip: str = ""
    strong: bool = False


@dataclass(frozen=True, slots=True)
class DotPlot:
    """Points with intervals, one row per domain, and an ideal value."""

    id: str
    caption: str
    summary: str
    """The plot in words, for screen readers."""
    rows: list[DotRow]
    ticks: list[Tick]
    ideal: Tick
    axis: str
    keyed: Mapping[str, str] = field(default_factory=dict)
    """Verdict → its name, of a plot whose marks differ by verdict."""


@dataclass(frozen=True, slots=True)
class Curve:
    """One logged quantity over the training steps."""

    name: str
    points: str
    """SVG points, x and y from 0 to 100, y downwards."""
    low: str
    high: str
    first: str
    last: str
    steps: tuple[str, str]


class Scale:
    """Maps values to % of the width, with a margin at both ends and round ticks."""

    def __init__(
        self, values: Sequence[float], *, floor: float = -math.inf, narrowest: float = 1.0
    ) -> None:
        """Span the given values.

        Values beyond `MAX_VALUE` do not widen the axis and are drawn at its end.

        Args:
            values: to be shown.
            floor: start of the axis at the earliest; a round number.
            narrowest: the least width, so that noise does not fill the axis.
        """
        finite = [value for value in values if abs(value) <= MAX_VALUE] or [0.0]
        low, high = min(finite), max(finite)
        width = max(high - low, narrowest)
        steps = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 25, 50, 100, math.inf)
        step = next(s for s in steps if width / s <= 6)
        step = width if math.isinf(step) else step
        self.low = max(math.floor(low / step - 0.25) * step, floor)
        self.high = math.ceil(high / step + 0.25) * step
        self._step = step

    def x(self, value: float) -> float:
        """Position of a value, in %."""
        value = min(max(self.low, value), self.high)
        return round((value - self.low) / (self.high - self.low) * 100, 3)

    def ticks(self, *, sign: bool = False) -> list[Tick]:
        """Ticks at round values; with `sign`, positive ones have a plus."""
        count = round((self.high - self.low) / self._step)
        values = [self.low + i * self._step for i in range(count + 1)]
        digits = max(0, math.ceil(-math.log10(self._step) - 1e-9))
        form = format_signed if sign else format_number
        return [Tick(self.x(v), form(v, digits)) for v in values]


def score_plot(
    id: str, caption: str, before: Sequence[DomainScore], after: Sequence[DomainScore]
) -> DotPlot:
    """Stereotype scores by domain; `before` may be empty."""
    old, new = ({d.domain: Score(d.score, d.ci) for d in side} for side in (before, after))
    return _score_plot(id, caption, old, new, MEASURES["ss"])


def further_plot(
    id: str, caption: str, before: Sequence[DomainScore], after: Sequence[DomainScore], name: str
) -> DotPlot:
    """Another score by domain, such as the contribution; `before` may be empty."""
    old, new = (
        {d.domain: d.further[name] for d in side if name in d.further} for side in (before, after)
    )
    return _score_plot(id, caption, old, new, measure_of(name))


def _score_plot(
    id: str, caption: str, before: Mapping[str, Score], after: Mapping[str, Score], measure: Measure
) -> DotPlot:
    digits = measure.digits
    shown = [*before.values(), *after.values()]
    scale = Scale(
        [measure.ideal, *(v for s in shown for v in (s.value, *(s.ci or ())))],
        narrowest=10.0 ** (1 - digits),
    )
    rows = []
    for domain, score in after.items():
        old = before.get(domain)
        number = format_number(score.value, digits)
        tip = f"{domain_name(domain)}: "
        if old:
            tip += f"before {format_with_interval(old.value, old.ci, digits=digits)}, after "
        rows.append(
            DotRow(
                label=domain_name(domain),
                value=f"{format_number(old.value, digits)} → {number}" if old else number,
                before=mark_at(scale, old.value, old.ci) if old else None,
                after=mark_at(scale, score.value, score.ci),
                tip=tip + format_with_interval(score.value, score.ci, digits=digits),
                strong=domain == ALL,
            )
        )
    return DotPlot(
        id=id,
        caption=caption,
        summary="; ".join(row.tip for row in rows),
        rows=rows,
        ticks=scale.ticks(),
        ideal=Tick(scale.x(measure.ideal), measure.ideal_text),
        axis=measure.in_words,
    )


def change_plot(id: str, caption: str, changes: Sequence[DomainChange]) -> DotPlot | None:
    """Paired changes of the stereotype score; None if no scored items were kept."""
    pairs = [(c, c.paired) for c in changes if c.paired]
    if not pairs:
        return None
    scale = Scale(
        [0.0, *(v for _, p in pairs for v in (p.score.delta, *(shown_interval(p) or ())))]
    )
    rows = [
        DotRow(
            label=domain_name(change.domain),
            value=format_signed(paired.score.delta),
            before=None,
            after=mark_at(scale, paired.score.delta, shown_interval(paired)),
            verdict=change.verdict,
            tip=f"{domain_name(change.domain)}: "
            f"{format_with_interval(paired.score.delta, shown_interval(paired), signed=True)}, "
            f"{describe_cell(paired)}",
            strong=change.domain == ALL,
        )
        for change, paired in pairs
    ]
    return DotPlot(
        id=id,
        caption=caption,
        summary="; ".join(row.tip for row in rows),
        rows=rows,
        ticks=scale.ticks(sign=True),
        ideal=Tick(scale.x(0), "no change"),
        axis="Change of the stereotype score, points",
        keyed=BIAS_VERDICTS,
    )


def curves(history: Sequence[dict[str, float]]) -> list[Curve]:
    """One curve per quantity with at least two finite values."""
    names = dict.fromkeys(name for row in history for name in row if name not in SCHEDULE)
    result = []
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
        positions = [
            (
                round((x - min(xs)) / width * 100, 2),
                50.0 if flat else round((high - y) / height * 100, 2),
            )
            for x, y in points
        ]
        result.append(
            Curve(
                name=logged_name(name),
                points=" ".join(f"{x:g},{y:g}" for x, y in positions),
                low=_short(low),
                high=_short(high),
                first=_short(ys[0]),
                last=_short(ys[-1]),
                steps=(f"{min(xs):g}", f"{max(xs):g}"),
            )
        )
    return result


def logged_name(quantity: str) -> str:
    """The name of a logged quantity."""
    return LOGGED.get(quantity, quantity.replace("_", " "))


def _short(value: float) -> str:
    return f"{value:.4g}".replace("-", "−")


def mark_at(scale: Scale, value: float, ci: tuple[float, float] | None) -> Mark:
    """A value and its interval on a scale; without an interval, both ends are the value."""
    low, high = ci or (value, value)
    return Mark(scale.x(value), scale.x(low), scale.x(high))
