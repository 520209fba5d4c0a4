"""The heat map of a transfer study: forget corpora and their controls × domains."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from fairforget.benchmarks.measures import measure_of
from fairforget.report.tables import Column, Table
from fairforget.report.wording import (
    NONE,
    anchor,
    domain_name,
    format_interval,
    format_number,
    format_score,
    format_signed,
)
from fairforget.statistics.jackknife import too_few
from fairforget.statistics.significance import SIGNIFICANT
from fairforget.transfer_study.record import MatrixCell
from fairforget.transfer_study.report.row_names import (
    CONTROLS_NOTE,
    heading,
    row_label,
    score_name,
    shared_corpus,
    sort_controls_last,
)

LEVELS = 5
"""Shades on either side of no change."""
NUMBERS_NOTE = (
    "Bias is the distance of the score from its unbiased value. In brackets: 95 % intervals. Too "
    "few: too few terms for a verdict."
)
STAR_NOTE = "* bias changed (p < 0.05, Holm-corrected)."


@dataclass(frozen=True, slots=True)
class Square:
    """One cell of the heat map."""

    change: str
    """The change in bias, with a star if it is significant."""
    detail: str
    """Its interval, or that it has too few terms."""
    level: int | None
    """Shade: −5 (bias fell most) to 5 (bias rose most); 0 is no change. None: too few terms."""
    tip: str

    def __str__(self) -> str:
        return f"{self.change} {self.detail}".rstrip()


@dataclass(frozen=True, slots=True)
class HeatMap:
    """Rows are forget corpora, then controls; columns are domains."""

    id: str
    caption: str
    scale: str
    """What the darkest shade stands for; empty if nothing changed."""
    heading: str
    """Heading of the first column."""
    columns: list[str]
    rows: list[tuple[str, list[Square | None]]]

    def table(self) -> Table:
        """The numbers as a plain table."""
        return Table(
            caption=self.caption,
            columns=[Column(self.heading), *(Column(name, numeric=True) for name in self.columns)],
            rows=[
                [name, *(str(square) if square else NONE for square in squares)]
                for name, squares in self.rows
            ],
            note=f"{NUMBERS_NOTE} {STAR_NOTE} {CONTROLS_NOTE}",
        )


def heat_map(benchmark: str, measure: str, cells: Sequence[MatrixCell]) -> HeatMap:
    """Change in bias by row and domain, mean over seeds.

    Args:
        benchmark: its name.
        measure: a bias score of it.
        cells: those of this score.
    """
    corpus = shared_corpus(cells)
    domains = list(dict.fromkeys(cell.domain for cell in cells))
    rows: dict[str, dict[str, MatrixCell]] = {}
    for cell in sort_controls_last(cells):
        rows.setdefault(row_label(cell, corpus), {})[cell.domain] = cell
    sizes = [abs(cell.bias.value) for cell in cells if not too_few(cell.clusters)]
    largest = max(filter(math.isfinite, sizes), default=0.0)
    shown = measure_of(measure)
    return HeatMap(
        id=anchor("map", benchmark, measure),
        caption=f"{score_name(benchmark, measure)}: change in bias, {shown.unit}",
        scale=f"The darkest shades stand for a change of ±{format_number(largest, shown.digits)} "
        f"{shown.unit}."
        if largest
        else "",
        heading=heading(corpus),
        columns=[domain_name(domain) for domain in domains],
        rows=[
            (name, [_square(row[d], largest) if d in row else None for d in domains])
            for name, row in rows.items()
        ],
    )


def _square(cell: MatrixCell, largest: float) -> Square:
    """A cell with its shade, and a tooltip that has the change of the score itself too."""
    digits = measure_of(cell.measure).digits
    bias, few = cell.bias, too_few(cell.clusters)
    significant = bias.p_adjusted < SIGNIFICANT
    verdict = "significant" if significant else "not significant"
    interval = format_interval(bias.ci, digits) if bias.ci else ""
    seeds = "" if cell.seeds == 1 else f", mean of {cell.seeds} seeds"
    return Square(
        change=format_signed(bias.value, digits) + ("*" if significant else ""),
        detail="(too few)" if few else interval,
        level=None if few else _level(bias.value, largest),
        tip=f"score {format_score(cell.delta, digits, signed=True)}{seeds}; distance from no bias "
        f"{format_score(bias, digits, signed=True)}, {verdict}",
    )


def _level(value: float, largest: float) -> int:
    """The shade of a change, relative to the largest one; 0 if it is not finite."""
    return round(value / largest * LEVELS) if largest and math.isfinite(value) else 0
