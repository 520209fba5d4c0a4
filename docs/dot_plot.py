"""Dot plots as SVG: one row per run or group, one panel per score, with 95 % intervals.

SVG needs no browser and no plotting library, and its text is the same on every machine, so a test
can compare a picture with the record that it shows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from xml.sax.saxutils import escape

Shape = Literal["dot", "ring", "cross", "diamond", "plus", "bar", "square", "triangle"]

BLUE, GREY, INK = "#1f6fb4", "#777777", "#222222"
ROW, PANEL, WIDE_PANEL, GAP, TOP, CHARACTER = 24, 190, 380, 34, 46, 6.5
"""Pixels: height of a row, width of a panel and of a single one, gap, top margin, letter width."""
PATHS = {
    "cross": "M-4,-4L4,4M-4,4L4,-4",
    "diamond": "M0,-5L5,0L0,5L-5,0Z",
    "plus": "M-5,0H5M0,-5V5",
    "bar": "M0,-5V5",
    "square": "M-4,-4H4V4H-4Z",
    "triangle": "M0,-5L5,4H-5Z",
}


@dataclass(frozen=True)
class Mark:
    """A value in a row of a panel."""

    value: float
    shape: Shape = "dot"
    interval: tuple[float, float] | None = None


@dataclass(frozen=True)
class Panel:
    """The marks of each row on an axis of their own."""

    title: str
    rows: Sequence[Sequence[Mark]]
    line: float | None = None
    """Reference value, drawn as a vertical line."""

    @property
    def values(self) -> list[float]:
        """Everything that must fit on the axis."""
        values = [value for row in self.rows for mark in row for value in _extent(mark)]
        return values if self.line is None else [*values, self.line]


def dot_plot(
    labels: Sequence[str],
    panels: Sequence[Panel],
    legend: Mapping[Shape, str],
    *,
    same_axis: bool = False,
) -> str:
    """Draw the panels side by side.

    Args:
        labels: one per row.
        panels: each with the marks of every row.
        legend: what each shape means.
        same_axis: whether all panels have the same axis.

    Returns:
        A whole SVG file.
    """
    left = 12 + CHARACTER * max(map(len, labels))
    bottom = TOP + ROW * len(labels)
    panel_width = WIDE_PANEL if len(panels) == 1 else PANEL
    width = left + len(panels) * (panel_width + GAP)
    width = max(width, 40 + CHARACTER * max(map(len, legend.values())))
    everything = [value for panel in panels for value in panel.values]
    entries = draw_legend(legend, 12, bottom + 48)
    height = bottom + 30 + 20 * len(legend)
    shapes = [draw_text(12, _row(i) + 4, label) for i, label in enumerate(labels)]
    for number, panel in enumerate(panels):
        start = left + GAP / 2 + number * (panel_width + GAP)
        values = everything if same_axis else panel.values
        ticks = axis_ticks(min(values), max(values))
        shapes += _draw_panel(panel, ticks, start, panel_width, bottom)
    return draw_file(width, height, [*shapes, *entries])


def draw_file(width: float, height: float, shapes: Sequence[str]) -> str:
    """A whole SVG file, with the shapes on a white background."""
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height}" '
            f'viewBox="0 0 {width:.0f} {height}" font-family="sans-serif" font-size="12">',
            f'<rect width="{width:.0f}" height="{height}" fill="white"/>',
            *shapes,
            "</svg>",
            "",
        ]
    )


def _draw_panel(
    panel: Panel, ticks: Sequence[float], left: float, width: float, bottom: float
) -> list[str]:
    def place(value: float) -> float:
        return left + width * (value - ticks[0]) / (ticks[-1] - ticks[0])

    shapes = [draw_text(left + width / 2, 18, panel.title, anchor="middle", weight="bold")]
    for tick in ticks:
        x = place(tick)
        shapes += [
            draw_line(x, TOP - 8, x, bottom, "#e4e4e4"),
            draw_text(x, 34, tick_label(tick, ticks), "middle", GREY),
        ]
    if panel.line is not None:
        x = place(panel.line)
        shapes.append(draw_line(x, TOP - 8, x, bottom, INK))
    for number, marks in enumerate(panel.rows):
        y = _row(number)
        for mark in sorted(marks, key=lambda mark: mark.shape in ("dot", "ring")):
            if mark.interval:
                low, high = map(place, mark.interval)
                shapes.append(draw_line(low, y, high, y, _shape_colour(mark.shape), 2))
            shapes.append(draw_symbol(mark.shape, place(mark.value), y))
    return shapes


def axis_ticks(low: float, high: float) -> list[float]:
    """Three to six round numbers, the first at most `low` and the last at least `high`."""
    span = (high - low) or 1.0
    power = 10.0 ** math.floor(math.log10(span / 2))
    step = next(power * n for n in (1, 2, 5, 10, 20) if span / (power * n) <= 4)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [number * step for number in range(first, max(last, first + 1) + 1)]


def tick_label(tick: float, ticks: Sequence[float]) -> str:
    """The number at a tick, with as many decimals as the distance of the ticks needs."""
    digits = max(0, -math.floor(math.log10(ticks[1] - ticks[0]) + 1e-9))
    return f"{tick:z.{digits}f}".replace("-", "−")


def _extent(mark: Mark) -> tuple[float, ...]:
    return (mark.value, *(mark.interval or ()))


def _row(number: int) -> float:
    return TOP + ROW * (number + 0.5)


def draw_legend(legend: Mapping[Shape, str], left: float, top: float) -> list[str]:
    """What each shape means, one line each."""
    shapes = []
    for number, (shape, meaning) in enumerate(legend.items()):
        y = top - 22 + 20 * number
        shapes += [draw_symbol(shape, left + 5, y), draw_text(left + 18, y + 4, meaning)]
    return shapes


def _shape_colour(shape: Shape) -> str:
    return BLUE if shape in ("dot", "ring") else GREY


def draw_symbol(shape: Shape, x: float, y: float) -> str:
    """A mark."""
    colour = _shape_colour(shape)
    if shape in ("dot", "ring"):
        fill = colour if shape == "dot" else "white"
        return (
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" fill="{fill}" stroke="{colour}" '
            f'stroke-width="2"/>'
        )
    return (
        f'<path d="{PATHS[shape]}" transform="translate({x:.1f},{y:.1f})" fill="none" '
        f'stroke="{colour}" stroke-width="1.5"/>'
    )


def draw_line(x1: float, y1: float, x2: float, y2: float, colour: str, thickness: float = 1) -> str:
    """A straight line."""
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" '
        f'stroke-width="{thickness}"/>'
    )


def draw_text(
    x: float, y: float, text: str, anchor: str = "start", colour: str = INK, weight: str = "normal"
) -> str:
    """A line of text."""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}" '
        f'font-weight="{weight}">{escape(text)}</text>'
    )
