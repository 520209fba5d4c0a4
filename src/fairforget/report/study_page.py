"""What the report of a transfer study shows: what each forgetting did to each domain."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fairforget.report.facts import pairs_table
from fairforget.report.faults import faults
from fairforget.report.frontier import frontiers, points_table, study_points
from fairforget.report.headline import Headline
from fairforget.report.tables import Column, Content, Ranged, Table
from fairforget.report.wording import (
    NONE,
    anchor,
    benchmark_name,
    domain_name,
    flattened,
    listed,
    number,
    signed,
    span,
)
from fairforget.statistics import SIGNIFICANT
from fairforget.transfer.record import Effect, MatrixCell, Row, StudyRecord, row_name, verdicts

LEVELS = 5
"""Shades on either side of no change."""


@dataclass(frozen=True, slots=True)
class Square:
    """One cell of the heat map."""

    text: str
    level: int
    """−5 (bias fell most) to 5 (rose most); 0 is no change."""
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


def context(study: StudyRecord) -> dict[str, Any]:
    """The variables of `study.html.j2`."""
    benchmarks = list(dict.fromkeys(cell.benchmark for cell in study.matrix))
    points = study_points(study)
    return {
        "headline": headline(study.matrix),
        "maps": [heat_map(name, study.matrix) for name in benchmarks],
        "rows": rows_table(study.rows),
        "excesses": [excess_table(name, study.matrix) for name in benchmarks],
        "cells": cells_table(study),
        "frontiers": frontiers(points),
        "points": points_table(points),
        "failed": [(failure.run, _last_line(failure.error)) for failure in study.failed],
        "settings": pairs_table("settings", "Settings", flattened(study.settings)),
        "faults": faults(benchmarks, verdicts=False),
    }


def headline(matrix: Sequence[MatrixCell]) -> Headline:
    """How often the claim stands, in the forgotten domains and in the others."""
    judged = [c for c in matrix if c.verdict and c.domain != "all"]
    sentences = [
        _verdicts([c for c in judged if c.own], "the domain that was forgotten"),
        _verdicts([c for c in judged if not c.own], "a domain that was not"),
    ]
    controls = list(dict.fromkeys(name for c in judged for name in c.excess))
    beside = (
        f'"Fell" means: by more than with every control ({listed(controls)}) at the same budget, '
        "p < 0.05 corrected for the number of cells."
        if controls
        else "There was no control, so nothing tells the forgetting from its side effects; p < "
        "0.05, corrected for the number of cells."
    )
    return Headline(
        "What forgetting one bias did to the others", [*filter(None, sentences), beside]
    )


def _verdicts(cells: Sequence[MatrixCell], where: str) -> str:
    if not cells:
        return ""
    counts = verdicts(cells)
    return (
        f"Of {len(cells)} measurements of {where}, bias fell in {counts['supported']}; "
        f"{counts['contradicted']} say the contrary; {counts['undecided']} are undecided."
    )


def heat_map(benchmark: str, matrix: Sequence[MatrixCell]) -> HeatMap:
    """Change of the score, mean over seeds, per forgetting and domain."""
    mine = [cell for cell in matrix if cell.benchmark == benchmark]
    domains = list(dict.fromkeys(cell.domain for cell in mine))
    rows: dict[str, dict[str, MatrixCell]] = {}
    for cell in mine:
        rows.setdefault(row_name(cell), {})[cell.domain] = cell
    sizes = [abs(cell.bias.value) for cell in mine if math.isfinite(cell.bias.value)]
    largest = max(sizes, default=0.0)
    return HeatMap(
        id=anchor("map", benchmark),
        caption=f"{benchmark_name(benchmark)}: change of the score, in points",
        columns=[domain_name(domain) for domain in domains],
        rows=[
            (name, [_square(row[d], largest) if d in row else None for d in domains])
            for name, row in rows.items()
        ],
    )


def rows_table(rows: Sequence[Row]) -> Table:
    """Own effect, transfer and damage of each forgetting."""
    everyday = any(row.everyday_ratio is not None for row in rows)
    return Table(
        id="rows",
        caption="What was forgotten, what went with it, and what it cost",
        columns=[
            Column("Forgotten"),
            Column("Benchmark"),
            Column("Bias, own domain", numeric=True, interval=True),
            Column("Bias, other domains", numeric=True, interval=True),
            Column("Transfer ÷ own", numeric=True),
            Column("Got worse"),
            Column("Perplexity, %", numeric=True),
            *([Column("Everyday, %", numeric=True)] if everyday else []),
            Column("LMS", numeric=True),
        ],
        rows=[
            [
                row_name(row),
                benchmark_name(row.benchmark),
                _ranged(row.own),
                _ranged(row.transfer),
                number(row.ratio, 2),
                listed([domain_name(d) for d in row.collateral]) or NONE,
                _percent(row.perplexity_ratio),
                *([_percent(row.everyday_ratio)] if everyday else []),
                signed(row.lms_after - row.lms_before)
                if row.lms_before is not None and row.lms_after is not None
                else NONE,
            ]
            for row in rows
        ],
        note="Bias is the distance of the score from that of a model without bias, in points; the "
        "mean over domains. The ratio is left out where the own effect is undecided. Perplexity, "
        "on held-out text and on everyday sentences, is what the budget limits.",
    )


def excess_table(benchmark: str, matrix: Sequence[MatrixCell]) -> Table:
    """What is left of each effect after each control, and the verdict."""
    mine = [c for c in matrix if c.benchmark == benchmark and c.control is None]
    controls = list(dict.fromkeys(name for cell in mine for name in cell.excess))
    return Table(
        id=anchor("excess", benchmark),
        caption=f"{benchmark_name(benchmark)}: change of bias, and what is left after each control",
        columns=[
            Column("Forgotten"),
            Column("Domain"),
            Column("Bias", numeric=True, interval=True),
            *(Column(f"beyond {name}", numeric=True, interval=True) for name in controls),
            Column("Verdict"),
            Column("Data needed", numeric=True),
        ],
        rows=[
            [
                row_name(cell),
                domain_name(cell.domain) + (" (own)" if cell.own else ""),
                _ranged(cell.bias),
                *(_ranged(cell.excess.get(name)) for name in controls),
                cell.verdict or NONE,
                f"× {number(cell.data_needed)}" if cell.data_needed else NONE,
            ]
            for cell in mine
        ],
        note="Data needed: how many times the items and seeds it would take to decide the change "
        "of bias, were it what was measured here.",
    )


def cells_table(study: StudyRecord) -> Table:
    """Every single run, one row for each domain."""
    titles = ["Forgotten", "Seed", "Benchmark", "Domain"]
    numbers = ["Before", "After", "Change", "95 % interval", "p", "p, corrected"]
    return Table(
        id="cells",
        caption="All measurements, seed by seed",
        columns=[*map(Column, titles), *(Column(name, numeric=True) for name in numbers)],
        rows=[
            [
                row_name(cell),
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
            for cell in study.cells
        ],
    )


def _last_line(error: str) -> str:
    """What an error says in the end; an en dash where it says nothing."""
    return next(reversed(error.splitlines()), "") or NONE


def _square(cell: MatrixCell, largest: float) -> Square:
    """A cell with its shade; none where the change is no finite number: a run may diverge."""
    significant = cell.bias.p_adjusted < SIGNIFICANT
    seeds = "" if cell.seeds == 1 else f", mean of {cell.seeds} seeds"
    return Square(
        text=signed(cell.delta.value) + ("*" if significant else ""),
        level=_level(cell.bias.value, largest),
        tip=f"score {signed(cell.delta.value)} ({span(cell.delta.ci)}){seeds}; distance from no "
        f"bias {signed(cell.bias.value)} ({span(cell.bias.ci)}), "
        f"{'significant' if significant else 'not significant'}",
    )


def _level(value: float, largest: float) -> int:
    """The shade of a change, given the largest one."""
    return round(value / largest * LEVELS) if largest and math.isfinite(value) else 0


def _percent(ratio: float | None) -> str:
    return NONE if ratio is None else signed(100 * (ratio - 1))


def _ranged(effect: Effect | None) -> Content:
    return Ranged(effect.value, effect.ci, change=True) if effect else NONE
