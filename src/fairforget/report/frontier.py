"""Remaining bias against utility loss: one mark per method; down and left is better."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

from fairforget.benchmarks.measures import SCALED_CONTRIBUTION, measure_of
from fairforget.comparison.score_change import Score
from fairforget.report.labels import Label, label_box, place_labels
from fairforget.report.scale import Mark, Scale, Tick
from fairforget.report.tables import (
    Column,
    Table,
    drop_empty_columns,
    interval_cell,
    interval_column,
)
from fairforget.report.wording import format_score


@dataclass(frozen=True, slots=True)
class Point:
    """One method."""

    name: str
    bias: Score
    """Mean over domains, and seeds if there are several, of |stereotype score − 50|, in points."""
    perplexity: Score | None = None
    """Change in %."""
    lms: Score | None = None
    """Change in points."""
    contribution: Score | None = None
    """The same of the distance of the scaled contribution from 0."""
    control: bool = False
    original: bool = False
    number: int | None = None
    """Its number in the table and at its mark; None for its position among the points."""


@dataclass(frozen=True, slots=True)
class PlotPoint:
    """A point at its position in the plot."""

    x: Mark
    y: Mark
    label: Label
    kind: str
    tip: str


@dataclass(frozen=True, slots=True)
class Frontier:
    """A plot of the points against one measure of utility loss."""

    id: str
    caption: str
    summary: str
    """The plot in words, for screen readers."""
    points: list[PlotPoint]
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    x_axis: str
    y_axis: str
    zero: Tick
    """The vertical position of 0, and what it means."""
    line: str = ""
    """The best trade-offs, joined by steps: coordinates of a polyline in %, from the top left."""
    has_intervals: bool = False


def frontiers(points: Sequence[Point]) -> list[Frontier]:
    """One plot for each bias score and each utility loss that at least two points have."""
    plots = (
        make_frontier(bias, loss, points)
        for bias, loss in product((_SCORE, _CONTRIBUTION), (PERPLEXITY, LMS))
    )
    return [plot for plot in plots if len(plot.points) >= 2]


def points_table(points: Sequence[Point]) -> Table:
    """The numbers behind the plots."""
    table = Table(
        caption="Bias and utility loss of each method",
        columns=[
            Column("Method"),
            interval_column("Mean distance from 50"),
            interval_column("Mean scaled contribution"),
            interval_column("Perplexity change, %"),
            interval_column("LMS change"),
        ],
        rows=[
            [
                f"{i}. {p.name}" + (" (control)" if p.control else ""),
                interval_cell(p.bias),
                interval_cell(p.contribution, _CONTRIBUTION.digits),
                interval_cell(p.perplexity, change=True),
                interval_cell(p.lms, change=True),
            ]
            for i, p in enumerate(points)
        ],
        note="Mean distances are never negative, so chance inflates them: compare methods with "
        "each other, not with 0.",
    )
    return drop_empty_columns(table, keep=2)


@dataclass(frozen=True, slots=True)
class Axis:
    """A quantity of the points, on one of the axes."""

    id: str
    name: str
    title: str
    of: Callable[[Point], Score | None]
    digits: int = 1
    better: int = -1
    """1 if more is better."""
    zero: str = "no bias"
    """What 0 means, as the label of a line at it."""
    is_change: bool = False
    """Whether a vertical axis has changes, which have a sign, instead of distances from 0."""
    floor: float = 0.0
    """The lowest value of a vertical axis."""
    narrowest: float = 1.0
    """The least width of the axis, so that noise does not fill it."""


_SCORE = Axis(
    "frontier",
    "distance from 50",
    "Mean distance of the stereotype score from 50, points",
    lambda point: point.bias,
)
_CONTRIBUTION = Axis(
    "frontier-contribution",
    "scaled contribution",
    "Mean distance of the scaled contribution of the group from 0, MADs",
    lambda point: point.contribution,
    digits=measure_of(SCALED_CONTRIBUTION).digits,
)
PERPLEXITY = Axis(
    "perplexity", "perplexity", "Change of perplexity, %", lambda point: point.perplexity
)
LMS = Axis("lms", "LMS", "Change of LMS, points", lambda point: point.lms, better=1)


def make_frontier(bias: Axis, loss: Axis, points: Sequence[Point]) -> Frontier:
    """A plot of the points that have both measures.

    Args:
        bias: the vertical axis; less is better.
        loss: the horizontal axis.
        points: the methods.
    """
    known = [
        (i if p.number is None else p.number, p, x, y)
        for i, p in enumerate(points)
        if (x := loss.of(p)) is not None and (y := bias.of(p)) is not None
    ]
    x_scale = Scale.over(0.0, [x for _, _, x, _ in known])
    y_scale = Scale.over(
        0.0,
        [y for *_, y in known],
        floor=bias.floor,
        narrowest=bias.narrowest,
    )
    labels = place_labels(
        [(str(i), x_scale.x(x.value), y_scale.x(y.value)) for i, _, x, y in known],
        label_box(Label(bias.zero), 0.0, y_scale.x(0.0)),
    )
    plot_points = [
        PlotPoint(
            x=x_scale.mark(x),
            y=y_scale.mark(y),
            label=label,
            kind="original" if p.original else "control" if p.control else "method",
            tip=f"{i}. {p.name}{' (control)' if p.control else ''}: {bias.name} "
            f"{format_score(y, bias.digits, signed=bias.is_change)}, "
            f"{loss.name} {format_score(x, signed=True)}",
        )
        for (i, p, x, y), label in zip(known, labels, strict=True)
    ]
    best = _best([(loss.better * x.value, y.value) for _, _, x, y in known])
    return Frontier(
        id=f"{bias.id}-{loss.id}",
        caption=f"{'Change in' if bias.is_change else 'Remaining'} bias ({bias.name}) against "
        f"change of {loss.name}",
        summary="; ".join(p.tip for p in plot_points),
        points=plot_points,
        x_ticks=x_scale.ticks(sign=True),
        y_ticks=y_scale.ticks(sign=bias.is_change),
        x_axis=loss.title,
        y_axis=bias.title,
        zero=Tick(y_scale.x(0.0), bias.zero),
        line=_steps([(x_scale.x(loss.better * x), 100 - y_scale.x(y)) for x, y in best]),
        has_intervals=any(score.ci for _, _, x, y in known for score in (x, y)),
    )


def _best(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The points that no other one beats: the first number is to be large, the second small."""
    best: list[tuple[float, float]] = []
    for x, y in sorted(points, key=lambda point: (-point[0], point[1])):
        if not best or y < best[-1][1]:
            best.append((x, y))
    return best


def _steps(points: Sequence[tuple[float, float]]) -> str:
    """The coordinates of a polyline with a corner between each two points."""
    corners = [
        corner
        for (x, y), (following, _) in zip(points, [*points[1:], *points[-1:]], strict=True)
        for corner in ((x, y), (following, y))
    ]
    return " ".join(f"{x:.2f},{y:.2f}" for x, y in corners)
