"""What the report of a transfer study shows: what each forgetting did to each domain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fairforget.report.contents import Cell, Study
from fairforget.report.facts import FAULTS
from fairforget.report.frontier import Point, cell_points, frontiers, points_table, run_points
from fairforget.report.headline import Headline
from fairforget.report.tables import Column, Table
from fairforget.report.wording import (
    NONE,
    anchor,
    base,
    benchmark_name,
    domain_name,
    number,
    signed,
    span,
)

LEVELS = 5
"""Shades on either side of no change."""
CENTRED = ("stereoset", "crows_pairs")
"""Benchmarks whose score is best at 50, so that bias is the distance from it."""


@dataclass(frozen=True, slots=True)
class Square:
    """One cell of the heat map."""

    text: str
    level: int
    """−5 (bias fell most) to 5 (rose most); 0 is no change."""
    significant: bool
    tip: str


@dataclass(frozen=True, slots=True)
class HeatMap:
    """Rows are forgettings, columns domains."""

    id: str
    caption: str
    columns: list[str]
    rows: list[tuple[str, list[Square | None]]]

    def table(self) -> Table:
        """The same as a plain table, to be copied."""
        return Table(
            id=self.id,
            caption=self.caption,
            columns=[Column("Forgotten"), *(Column(name, numeric=True) for name in self.columns)],
            rows=[
                [name, *(square.text if square else NONE for square in squares)]
                for name, squares in self.rows
            ],
        )


def context(study: Study) -> dict[str, Any]:
    """The variables of `study.html.j2`."""
    benchmarks = list(dict.fromkeys(cell.benchmark for cell in study.cells))
    points = cell_points(study.cells) or run_points(study.runs)
    return {
        "headline": headline(study.cells) if study.cells else runs_headline(points),
        "frontiers": frontiers(points),
        "points": points_table(points),
        "maps": [heat_map(name, study.cells) for name in benchmarks],
        "cells": cells_table(study.cells) if study.cells else None,
        "faults": FAULTS[:-1],  # The last is about many domains; here p is corrected.
    }


def headline(cells: Sequence[Cell]) -> Headline:
    """How often forgetting one domain changed another, controls apart."""
    crossed = [c for c in cells if c.domain not in (c.forget, "all") and not c.control]
    decided = [c for c in crossed if _significant([c])]
    fell = sum(_bias_change(c) < 0 for c in decided)
    title = "What forgetting one bias did to the others"
    if not crossed:
        return Headline(title, ["No domain other than the forgotten one was measured."])
    return Headline(
        title,
        [
            f"In {fell} of {len(crossed)} measurements of a domain that was not trained, bias "
            f"fell; in {len(decided) - fell} it rose; in {len(crossed) - len(decided)} it is "
            "undecided (p < 0.05, corrected for their number)."
        ],
    )


def runs_headline(points: Sequence[Point]) -> Headline:
    """How many runs there are; what they reached is for the plot to say."""
    runs = [p for p in points if not p.original]
    if not runs:
        return Headline("No run was measured", ["None of them was measured before and after."])
    controls = sum(p.control for p in runs)
    return Headline(
        f"{len(runs)} unlearning run{'' if len(runs) == 1 else 's'}, bias against damage",
        [
            "Less bias counts only at the same damage, and only where the controls "
            + (
                f"({controls} of these runs) do worse."
                if controls
                else "do worse: none of these runs is one."
            )
        ],
    )


def heat_map(benchmark: str, cells: Sequence[Cell]) -> HeatMap:
    """Mean change over seeds, per forgetting and domain."""
    mine = [cell for cell in cells if cell.benchmark == benchmark]
    domains = list(dict.fromkeys(cell.domain for cell in mine))
    groups: dict[str, dict[str, list[Cell]]] = {}
    for cell in mine:
        groups.setdefault(_row_name(cell), {}).setdefault(cell.domain, []).append(cell)
    largest = max(
        (abs(_mean_bias(found)) for row in groups.values() for found in row.values()), default=0.0
    )
    return HeatMap(
        id=anchor("map", benchmark),
        caption=f"{benchmark_name(benchmark)}: change of the score, in points",
        columns=[domain_name(domain) for domain in domains],
        rows=[
            (name, [_square(row[d], largest) if d in row else None for d in domains])
            for name, row in groups.items()
        ],
    )


def cells_table(cells: Sequence[Cell]) -> Table:
    """Every cell, one row each."""
    titles = ["Forgotten", "Method", "Control", "Seed", "Benchmark", "Domain"]
    numbers = ["Before", "After", "Change", "95 % interval", "p", "p, corrected"]
    return Table(
        id="cells",
        caption="All measurements",
        columns=[*map(Column, titles), *(Column(name, numeric=True) for name in numbers)],
        rows=[
            [
                cell.forget,
                cell.method,
                cell.control or NONE,
                str(cell.seed),
                benchmark_name(cell.benchmark),
                domain_name(cell.domain),
                number(cell.before),
                number(cell.after),
                signed(cell.delta),
                span(cell.ci),
                number(cell.p, 3),
                number(cell.p_adjusted, 3),
            ]
            for cell in cells
        ],
    )


def _square(cells: Sequence[Cell], largest: float) -> Square:
    bias = _mean_bias(cells)
    mean = sum(cell.delta for cell in cells) / len(cells)
    significant = _significant(cells)
    seeds = "" if len(cells) == 1 else f", mean of {len(cells)} seeds"
    tip = f"{signed(mean)}{seeds}"
    if len(cells) == 1:
        tip += f" ({span(cells[0].ci)})"
    return Square(
        text=signed(mean) + ("*" if significant else ""),
        level=round(bias / largest * LEVELS) if largest else 0,
        significant=significant,
        tip=f"{tip}, {'significant' if significant else 'not significant'}",
    )


def _row_name(cell: Cell) -> str:
    return f"{cell.forget} · {cell.method}" + (
        f" · control: {cell.control}" if cell.control else ""
    )


def _bias_change(cell: Cell) -> float:
    if base(cell.benchmark) in CENTRED:
        return abs(cell.after - 50) - abs(cell.before - 50)
    return cell.delta


def _mean_bias(cells: Sequence[Cell]) -> float:
    return sum(map(_bias_change, cells)) / len(cells)


def _significant(cells: Sequence[Cell]) -> bool:
    """Whether every seed's corrected p-value is below 0.05."""
    return all(cell.p_adjusted is not None and cell.p_adjusted < 0.05 for cell in cells)
