"""The table of how far each row of a study moved the model, and what it cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fairforget.benchmarks.measures import measure_of
from fairforget.report.tables import Column, Content, Table, drop_empty_columns, interval_column
from fairforget.report.wording import NONE, benchmark_name, format_number, format_signed
from fairforget.transfer_study.record import MatrixRow
from fairforget.transfer_study.report.row_names import (
    CONTROLS_NOTE,
    heading,
    row_label,
    shared_corpus,
    sort_controls_last,
)
from fairforget.transfer_study.report.tables import effect_cell

MOVEMENT, FLIPPED, LEFT = "Movement, nats per token", "Items flipped, %", "No limit met"
NOTES = {
    MOVEMENT: "Movement: KL divergence of the original’s predictions from the result’s.",
    FLIPPED: "Items flipped: the share of items whose likelier version is no longer that of the "
    "original.",
    LEFT: "No limit met: the number of runs that met no limit of the budget, because α was at its "
    "maximum or a guard ended the interpolation.",
}
"""Title of a column that may be missing → its explanation."""
INTERPOLATION_NOTE = (
    "Change in bias: mean over the domains with enough terms. Weights are interpolated until the "
    "first limit of the budget is met; those of a control whose name ends in @movement, until it "
    "has moved as far."
)


def costs_table(benchmark: str, rows: Sequence[MatrixRow]) -> Table:
    """How far each forget corpus and each control moved the model, and what it cost.

    Args:
        benchmark: its name.
        rows: those of all its bias scores.
    """
    corpus = shared_corpus(rows)
    measures = list(dict.fromkeys(row.measure for row in rows))
    groups: dict[str, dict[str, MatrixRow]] = {}
    for row in sort_controls_last(rows):
        groups.setdefault(row_label(row, corpus), {})[row.measure] = row
    table = drop_empty_columns(
        Table(
            caption=f"{benchmark_name(benchmark)}: utility loss of each forget set and control",
            columns=[
                Column(heading(corpus)),
                Column("Perplexity, %", numeric=True),
                Column("Everyday perplexity, %", numeric=True),
                Column("LMS", numeric=True),
                Column(MOVEMENT, numeric=True),
                Column(FLIPPED, numeric=True),
                *(interval_column(f"Change in bias: {measure_of(m).in_words}") for m in measures),
                Column(LEFT, numeric=True),
            ],
            rows=[
                [
                    name,
                    *_costs(next(iter(group.values()))),
                    *(
                        effect_cell(group[m].mean, measure_of(m).digits) if m in group else NONE
                        for m in measures
                    ),
                    _budget_left(next(iter(group.values()))),
                ]
                for name, group in groups.items()
            ],
        ),
        keep=1,
    )
    titles = {column.title for column in table.columns}
    notes = [note for title, note in NOTES.items() if title in titles]
    return replace(table, note=" ".join([*notes, INTERPOLATION_NOTE, CONTROLS_NOTE]))


def _costs(row: MatrixRow) -> list[Content]:
    """Changes of perplexity, of everyday perplexity and of LMS; movement and flipped items."""
    has_lms = row.lms_before is not None and row.lms_after is not None
    return [
        _percent(row.perplexity_ratio),
        _percent(row.everyday_perplexity_ratio),
        format_signed((row.lms_after or 0.0) - (row.lms_before or 0.0)) if has_lms else NONE,
        format_number(row.movement, 4),
        NONE if row.flipped is None else format_number(100 * row.flipped),
    ]


def _budget_left(row: MatrixRow) -> str:
    return f"{row.short} of {row.seeds}" if row.short else NONE


def _percent(ratio: float | None) -> str:
    return NONE if ratio is None else format_signed(100 * (ratio - 1))
