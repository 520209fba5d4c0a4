"""The heat map of a transfer study: forgettings and their controls × domains."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from fairforget.report.row_names import CONTROLS_LAST, controls_last, row_label, shared_corpus
from fairforget.report.tables import Column, Table
from fairforget.report.wording import (
    NONE,
    anchor,
    benchmark_name,
    domain_name,
    format_interval,
    format_signed,
)
from fairforget.statistics import SIGNIFICANT
from fairforget.transfer_study.record import MatrixCell

LEVELS = 5
"""Shades on either side of no change."""
STAR = "* the distance from no bias changed: p < 0.05, corrected for the number of cells."


@dataclass(frozen=True, slots=True)
class Square:
    """One cell of the heat map."""

    text: str
    level: int
    """−5 (bias fell most) to 5 (rose most); 0 is no change."""
    tip: str


@dataclass(frozen=True, slots=True)
class HeatMap:
    """Rows are forgettings, then controls; columns domains."""

    id: str
    caption: str
    heading: str
    """Of the first column."""
    columns: list[str]
    rows: list[tuple[str, list[Square | None]]]

    def table(self) -> Table:
        """The same as a plain table, to be copied."""
        return Table(
            caption=self.caption,
            columns=[Column(self.heading), *(Column(name, numeric=True) for name in self.columns)],
            rows=[
                [name, *(square.text if square else NONE for square in squares)]
                for name, squares in self.rows
            ],
            note=f"{STAR} {CONTROLS_LAST}",
        )


def heat_map(benchmark: str, matrix: Sequence[MatrixCell]) -> HeatMap:
    """Change of the score, mean over seeds, per forgetting and domain."""
    mine = [cell for cell in matrix if cell.benchmark == benchmark]
    corpus = shared_corpus(mine)
    domains = list(dict.fromkeys(cell.domain for cell in mine))
    rows: dict[str, dict[str, MatrixCell]] = {}
    for cell in controls_last(mine):
        rows.setdefault(row_label(cell, corpus), {})[cell.domain] = cell
    sizes = [abs(cell.bias.value) for cell in mine if math.isfinite(cell.bias.value)]
    largest = max(sizes, default=0.0)
    return HeatMap(
        id=anchor("map", benchmark),
        caption=f"{benchmark_name(benchmark)}: change of the score, in points",
        heading=heading(corpus),
        columns=[domain_name(domain) for domain in domains],
        rows=[
            (name, [_square(row[d], largest) if d in row else None for d in domains])
            for name, row in rows.items()
        ],
    )


def heading(corpus: str) -> str:
    """Of the column of forgettings: it names the corpus that they are all parts of."""
    return f"Forgotten ({corpus})" if corpus else "Forgotten"


def _square(cell: MatrixCell, largest: float) -> Square:
    """A cell with its shade; none where the change is no finite number: a run may diverge."""
    significant = cell.bias.p_adjusted < SIGNIFICANT
    seeds = "" if cell.seeds == 1 else f", mean of {cell.seeds} seeds"
    return Square(
        text=format_signed(cell.delta.value) + ("*" if significant else ""),
        level=_level(cell.bias.value, largest),
        tip=f"score {format_signed(cell.delta.value)} ({format_interval(cell.delta.ci)}){seeds}; distance from no "
        f"bias {format_signed(cell.bias.value)} ({format_interval(cell.bias.ci)}), "
        f"{'significant' if significant else 'not significant'}",
    )


def _level(value: float, largest: float) -> int:
    """The shade of a change, given the largest one."""
    return round(value / largest * LEVELS) if largest and math.isfinite(value) else 0
