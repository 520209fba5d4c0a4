"""Scatter plots as SVG, with numbered points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dot_plot import (
    GREY,
    INK,
    Shape,
    axis_ticks,
    draw_file,
    draw_legend,
    draw_line,
    draw_symbol,
    draw_text,
    tick_label,
)

LEFT, TOP, PLOT_WIDTH, PLOT_HEIGHT, MARGIN = 64, 24, 560, 360, 20
"""Pixels: margins, and size of the plot."""
CLOSE = (18, 12)
"""Pixels, across and down, within which two numbers would overlap."""


@dataclass(frozen=True)
class ScatterPoint:
    """A point and the number at its mark."""

    number: int
    x: float
    y: float
    shape: Shape = "dot"


def scatter_plot(
    points: Sequence[ScatterPoint], titles: tuple[str, str], legend: Mapping[Shape, str]
) -> str:
    """Draw the points.

    Args:
        points: a number that would overlap an earlier one is left out.
        titles: of the horizontal and of the vertical axis.
        legend: what each shape means.

    Returns:
        A whole SVG file.
    """
    columns = axis_ticks(min(p.x for p in points), max(p.x for p in points))
    rows = axis_ticks(min(0.0, *(p.y for p in points)), max(p.y for p in points))
    right, bottom = LEFT + PLOT_WIDTH, TOP + PLOT_HEIGHT

    def across(x: float) -> float:
        return LEFT + PLOT_WIDTH * (x - columns[0]) / (columns[-1] - columns[0])

    def down(y: float) -> float:
        return bottom - PLOT_HEIGHT * (y - rows[0]) / (rows[-1] - rows[0])

    shapes: list[str] = []
    numbered: list[tuple[float, float]] = []
    for tick in columns:
        x = across(tick)
        shapes += [
            draw_line(x, TOP, x, bottom, "#e4e4e4"),
            draw_text(x, bottom + 18, tick_label(tick, columns), "middle", GREY),
        ]
    for tick in rows:
        y = down(tick)
        shapes += [
            draw_line(LEFT, y, right, y, INK if tick == 0 else "#e4e4e4"),
            draw_text(LEFT - 8, y + 4, tick_label(tick, rows), "end", GREY),
        ]
    for point in points:
        x, y = across(point.x), down(point.y)
        shapes.append(draw_symbol(point.shape, x, y))
        if all(abs(x - a) > CLOSE[0] or abs(y - b) > CLOSE[1] for a, b in numbered):
            numbered.append((x, y))
            shapes.append(draw_text(x + 7, y - 6, str(point.number), colour=INK))
    shapes += [
        draw_text((LEFT + right) / 2, bottom + 40, titles[0], "middle", weight="bold"),
        draw_text(LEFT - 48, 14, titles[1], weight="bold"),
        *draw_legend(legend, LEFT, bottom + 78),
    ]
    width, height = right + MARGIN, bottom + 66 + 20 * len(legend)
    return draw_file(width, height, shapes)
