"""What the report of a comparison shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fairforget.comparison.compare import Comparison
from fairforget.comparison.paired import Cell
from fairforget.records.records import ModelFacts
from fairforget.report.before_after import from_cells
from fairforget.report.evidence import evidence
from fairforget.report.headline import change_headline
from fairforget.report.limitations import list_limitations
from fairforget.report.results import cost_table, perplexity_note
from fairforget.report.tables import Column, Content, IntervalCell, Table
from fairforget.report.unlearning_page import section
from fairforget.report.wording import benchmark_name, domain_name, format_number, format_p_number


def context(compared: Comparison) -> dict[str, Any]:
    """The variables of `comparison.html.j2`."""
    comparison = from_cells(compared)
    note = perplexity_note(comparison, None)
    others = dict.fromkeys(cell.benchmark for cell in comparison.others)
    return {
        "before": compared.before.source,
        "after": compared.after.source,
        "headline": change_headline(comparison, [], None),
        "benchmarks": [section(name, comparison, note) for name in comparison.benchmarks],
        "generic": [cells_table(name, comparison.others) for name in others],
        "cost": cost_table(comparison),
        "evidence": [*evidence(comparison, []), *compared.notes],
        "limitations": list_limitations((cell.benchmark for cell in compared.cells), verdicts=True),
        "facts": [models_table(compared.before, compared.after)],
    }


def cells_table(benchmark: str, cells: Sequence[Cell]) -> Table:
    """A benchmark whose scores are not stereotype scores, as it was compared."""
    mine = [cell for cell in cells if cell.benchmark == benchmark]
    name = benchmark_name(benchmark)
    rows: list[list[Content]] = []
    for cell in mine:
        for measure, change in ((cell.measure, cell.score), *cell.beside.items()):
            main = measure == cell.measure
            rows.append(
                [
                    f"{domain_name(cell.domain)}: {measure.replace('_', ' ')}",
                    format_number(change.before, 2),
                    format_number(change.after, 2),
                    IntervalCell(change.delta, change.ci, change=True),
                    format_p_number(cell.p_adjusted) if main else "",
                ]
            )
    return Table(
        caption=f"{name}, before and after",
        columns=[
            Column("Domain and measure"),
            Column("Before", numeric=True),
            Column("After", numeric=True),
            Column("Change", numeric=True, interval=True),
            Column("p, corrected", numeric=True),
        ],
        rows=rows,
    )


def models_table(before: ModelFacts, after: ModelFacts) -> Table:
    """The two models."""
    return Table(
        caption="The models",
        columns=[Column("What"), Column("Before"), Column("After")],
        rows=[
            ["Model", before.source, after.source],
            ["Parameters", *(f"{m.parameters:,}".replace(",", "\u202f") for m in (before, after))],
            ["Number type", before.dtype, after.dtype],
            ["Start token", before.start_token, after.start_token],
        ],
    )
