"""Tables of benchmarks that have no section of their own on a page."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from fairforget.benchmarks.measures import measure_of
from fairforget.comparison.paired import Cell
from fairforget.report.cell_words import describe_cell, describe_p
from fairforget.report.facts import generic_table
from fairforget.report.scores import is_known
from fairforget.report.tables import Column, Content, IntervalCell, Table, interval_column
from fairforget.report.wording import (
    NONE,
    benchmark_name,
    domain_name,
    format_number,
)


def other_tables(
    before: dict[str, Any],
    after: dict[str, Any],
    cells: Sequence[Cell],
    *,
    shown: Collection[str] = (),
) -> list[Table]:
    """One table for each benchmark without its own section: its changes, or else its raw results.

    Args:
        before: results by benchmark.
        after: the same.
        cells: the changes of these benchmarks.
        shown: benchmarks of harmful words that have a section.
    """
    compared = {cell.benchmark for cell in cells}
    return [
        cells_table(name, cells)
        if name in compared
        else generic_table(name, before.get(name, {}), after.get(name, {}))
        for name in dict.fromkeys([*before, *after])
        if name not in shown and not any(is_known(name, side) for side in (before, after))
    ]


def cells_table(benchmark: str, cells: Sequence[Cell]) -> Table:
    """The changes of a benchmark without a stereotype score, with verdicts on bias and harm."""
    rows: list[list[Content]] = []
    own_cells = [cell for cell in cells if cell.benchmark == benchmark]
    judged = any(cell.tested is not None for cell in own_cells)
    for cell in own_cells:
        for measure, change in ((cell.measure, cell.score), *cell.beside.items()):
            digits, own = measure_of(measure).digits, measure == cell.measure
            rows.append(
                [
                    f"{domain_name(cell.domain)}: {measure.replace('_', ' ')}",
                    *(format_number(value, digits) for value in (change.before, change.after)),
                    IntervalCell(change.delta, change.ci, change=True, digits=digits),
                    *([_verdict(cell) if own else ""] if judged else []),
                    describe_p(cell) if own else "",
                ]
            )
    return Table(
        caption=f"{benchmark_name(benchmark)}, before and after",
        columns=[
            Column("Domain and measure"),
            Column("Before", numeric=True),
            Column("After", numeric=True),
            interval_column("Change"),
            *([Column("Verdict")] if judged else []),
            Column("p, corrected", numeric=True),
        ],
        rows=rows,
        note="A verdict on bias is about the distance from the score of a model without bias, so "
        "bias can fall although the score rises."
        if judged
        else "",
    )


def _verdict(cell: Cell) -> str:
    return describe_cell(cell) if cell.tested is not None else NONE
