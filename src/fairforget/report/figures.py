"""Plots as geometry: positions in % of the width, which the templates draw as fluid SVG.

There is no markup here, so text from a corpus or a model cannot inject any. At any width of the
page, text keeps its size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from fairforget.benchmarks.measurement import ALL
from fairforget.benchmarks.measures import MEASURES, Measure, measure_of
from fairforget.comparison.score_change import Score
from fairforget.report.before_after import DomainChange
from fairforget.report.cell_words import describe_cell, shown_interval
from fairforget.report.scale import Mark, Scale, Tick
from fairforget.report.scores import DomainScore
from fairforget.report.wording import (
    BIAS_VERDICTS,
    domain_name,
    format_number,
    format_score,
    format_signed,
)


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
    scale = Scale.over(
        measure.ideal,
        [*before.values(), *after.values()],
        narrowest=10.0 ** (1 - digits),
    )
    rows = []
    for domain, score in after.items():
        old = before.get(domain)
        number = format_number(score.value, digits)
        tip = f"{domain_name(domain)}: "
        if old:
            tip += f"before {format_score(old, digits)}, after "
        rows.append(
            DotRow(
                label=domain_name(domain),
                value=f"{format_number(old.value, digits)} → {number}" if old else number,
                before=scale.mark(old) if old else None,
                after=scale.mark(score),
                tip=tip + format_score(score, digits),
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
    pairs = [
        (c, c.paired, Score(c.paired.score.delta, shown_interval(c.paired)))
        for c in changes
        if c.paired
    ]
    if not pairs:
        return None
    scale = Scale.over(0.0, [score for *_, score in pairs])
    rows = [
        DotRow(
            label=domain_name(change.domain),
            value=format_signed(score.value),
            before=None,
            after=scale.mark(score),
            verdict=change.verdict,
            tip=f"{domain_name(change.domain)}: "
            f"{format_score(score, signed=True)}, "
            f"{describe_cell(paired)}",
            strong=change.domain == ALL,
        )
        for change, paired, score in pairs
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
