"""Remaining bias against utility loss: one mark per method; down and left is better."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

from fairforget.benchmarks.measures import SCALED_CONTRIBUTION, measure_of
from fairforget.comparison.score_change import Score
from fairforget.report.figures import Mark, Scale, Tick, mark_at
from fairforget.report.tables import Column, IntervalCell, Table, drop_empty_columns
from fairforget.report.wording import (
    NONE,
    format_with_interval,
)

OVERLAP = 2.0, 4.0
"""Two marks overlap if they are closer than this, in % of the width and of the height."""
LABELS_LEFT = 60.0
"""To the right of this, in % of the width, labels are left of their marks, to stay on the page."""
CHARACTER, LINE, GAP = 2.5, 5.0, 2.0
"""Size of a character, in % of the width and of the height of a plot on a telephone, and the
distance of a label from its mark."""

Box = tuple[float, float, float, float]
"""Left, right, bottom and top, in % from the bottom left."""


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
class Label:
    """The text at a mark."""

    text: str
    """Its number, and those of marks that overlap it; empty if another mark has its number."""
    is_left: bool = False
    """Whether it is left of the mark."""
    is_below: bool = False


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

    def cell(measure: Score | None, *, change: bool = True, digits: int = 1) -> IntervalCell | str:
        if measure is None:
            return NONE
        return IntervalCell(measure.value, measure.ci, change=change, digits=digits)

    table = Table(
        caption="Bias and utility loss of each method",
        columns=[
            Column("Method"),
            Column("Mean distance from 50", numeric=True, interval=True),
            Column("Mean scaled contribution", numeric=True, interval=True),
            Column("Perplexity change, %", numeric=True, interval=True),
            Column("LMS change", numeric=True, interval=True),
        ],
        rows=[
            [
                f"{i}. {p.name}" + (" (control)" if p.control else ""),
                cell(p.bias, change=False),
                cell(p.contribution, change=False, digits=_CONTRIBUTION.digits),
                cell(p.perplexity),
                cell(p.lms),
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
    x_scale = Scale([0.0, *(v for _, _, x, _ in known for v in (x.value, *(x.ci or ())))])
    y_scale = Scale(
        [0.0, *(v for *_, y in known for v in (y.value, *(y.ci or ())))],
        floor=bias.floor,
        narrowest=bias.narrowest,
    )
    labels = _place_labels(
        [(str(i), x_scale.x(x.value), y_scale.x(y.value)) for i, _, x, y in known],
        _label_box(Label(bias.zero), 0.0, y_scale.x(0.0)),
    )
    plot_points = [
        PlotPoint(
            x=mark_at(x_scale, x.value, x.ci),
            y=mark_at(y_scale, y.value, y.ci),
            label=label,
            kind="original" if p.original else "control" if p.control else "method",
            tip=f"{i}. {p.name}{' (control)' if p.control else ''}: {bias.name} "
            f"{format_with_interval(y.value, y.ci, signed=bias.is_change, digits=bias.digits)}, "
            f"{loss.name} "
            f"{format_with_interval(x.value, x.ci, signed=True)}",
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


def _place_labels(positions: Sequence[tuple[str, float, float]], zero: Box) -> list[Label]:
    """Return the label of each mark, where it overlaps no other label or mark, if possible.

    Args:
        positions: the number of each mark, and its position in % from the bottom left.
        zero: the place of the label of the line at 0.
    """
    taken = [zero, *((x - 1, x + 1, y - 1, y + 1) for _, x, y in positions)]
    labels = []
    for text, (_, x, y) in zip(_mark_labels(positions), positions, strict=True):
        if not text:
            labels.append(Label(""))
            continue
        side = x > LABELS_LEFT
        places = [Label(text, *place) for place in product((side, not side), (False, True))]
        boxes = [_label_box(label, x, y) for label in places]
        overlaps = [sum(_overlap(box, other) for other in taken) for box in boxes]
        best = overlaps.index(min(overlaps))
        taken.append(boxes[best])
        labels.append(places[best])
    return labels


def _label_box(label: Label, x: float, y: float) -> Box:
    width = CHARACTER * len(label.text)
    left = x - GAP - width if label.is_left else x + GAP
    bottom = y - GAP - LINE if label.is_below else y + GAP
    return left, left + width, bottom, bottom + LINE


def _overlap(one: Box, other: Box) -> float:
    """Return the area that two boxes share."""
    width = min(one[1], other[1]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[2], other[2])
    return max(width, 0.0) * max(height, 0.0)


def _mark_labels(positions: Sequence[tuple[str, float, float]]) -> list[str]:
    """The text at each mark; of marks that overlap, the first has all texts."""
    groups: list[tuple[float, float, list[int]]] = []
    for i, (_, x, y) in enumerate(positions):
        for group_x, group_y, members in groups:
            if abs(x - group_x) < OVERLAP[0] and abs(y - group_y) < OVERLAP[1]:
                members.append(i)
                break
        else:
            groups.append((x, y, [i]))
    first = {members[0]: ", ".join(positions[i][0] for i in members) for _, _, members in groups}
    return [first.get(i, "") for i in range(len(positions))]
