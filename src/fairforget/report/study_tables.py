"""The tables of a transfer study, for its report and for Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fairforget.report.heat_map import heading
from fairforget.report.tables import Column, Content, Ranged, Table
from fairforget.report.wording import (
    NONE,
    anchor,
    benchmark_name,
    domain_name,
    listed,
    number,
    signed,
    span,
)
from fairforget.transfer.names import forgotten_name, row_name, shared_corpus
from fairforget.transfer.record import Effect, MatrixCell, Row, StudyRecord, Verdict, too_few

SIGNS: dict[Verdict | None, str] = {
    "supported": " yes",
    "contradicted": " no",
    "undecided": " ?",
    None: "",
}
FEW = "too few terms"


def answer_table(benchmark: str, matrix: Sequence[MatrixCell]) -> Table:
    """The verdict on every forgetting in every domain."""
    mine = [c for c in matrix if c.benchmark == benchmark and c.control is None]
    corpus = shared_corpus(mine)
    domains = list(dict.fromkeys(cell.domain for cell in mine))
    rows: dict[tuple[str, str], dict[str, MatrixCell]] = {}
    for cell in mine:
        rows.setdefault((forgotten_name(cell, corpus), cell.method), {})[cell.domain] = cell
    return Table(
        id=anchor("answer", benchmark),
        caption=f"{benchmark_name(benchmark)}: what the study says",
        columns=[
            Column(heading(corpus)),
            Column("Objective"),
            *(Column(domain_name(domain), numeric=True) for domain in domains),
        ],
        rows=[
            [*name, *(_answer(cells[d]) if d in cells else NONE for d in domains)]
            for name, cells in rows.items()
        ],
        note="Change of bias, the score's distance from no bias, in points. Did bias fall, and by "
        "more than with every control? yes; no: it rose, or fell less than with a control; ?: "
        "undecided. (own): a domain that was forgotten.",
    )


def rows_table(benchmark: str, rows: Sequence[Row]) -> Table:
    """Own effect, transfer and damage of each forgetting."""
    mine = [row for row in rows if row.benchmark == benchmark and row.control is None]
    corpus = shared_corpus(mine)
    controls = list(dict.fromkeys(name for row in mine for name in row.transfer_excess))
    return _filled(
        Table(
            id=anchor("rows", benchmark),
            caption=f"{benchmark_name(benchmark)}: what was forgotten, what went with it, and what "
            "it cost",
            columns=[
                Column(heading(corpus)),
                Column("Objective"),
                Column("Bias, own", numeric=True, interval=True),
                Column("Bias, other domains", numeric=True, interval=True),
                *(Column(f"others beyond {c}", numeric=True, interval=True) for c in controls),
                Column("Transfer ÷ own", numeric=True, interval=True),
                Column("Got worse"),
                Column("Perplexity, %", numeric=True),
                Column("Everyday, %", numeric=True),
                Column("LMS", numeric=True),
            ],
            rows=[
                [
                    forgotten_name(row, corpus),
                    row.method,
                    _ranged(row.own, row.own_clusters),
                    _ranged(row.transfer, row.transfer_clusters),
                    *(_ranged(row.transfer_excess.get(c), row.transfer_clusters) for c in controls),
                    NONE if row.ratio is None else Ranged(row.ratio, row.ratio_ci),
                    listed([domain_name(d) for d in row.collateral]) or NONE,
                    *_costs(row),
                ]
                for row in mine
            ],
            note="Bias is the distance of the score from that of a model without bias, in points; "
            "means over domains, own: those that were forgotten. Beyond a control: minus the "
            "control's mean over the same domains. The ratio divides the change in other domains "
            "by that in the own, and is left out where the own is undecided. A run stops at the "
            "first limit that it meets, perplexity on held-out text or on everyday sentences.",
        ),
        keep=2,
    )


def controls_table(benchmark: str, rows: Sequence[Row]) -> Table | None:
    """What each control did on the whole, and its damage; None where there was none."""
    corpus = shared_corpus(rows)
    mine = [row for row in rows if row.benchmark == benchmark and row.control is not None]
    if not mine:
        return None
    forgotten = {row.forget for row in rows if row.control is None}
    return _filled(
        Table(
            id=anchor("controls", benchmark),
            caption=f"{benchmark_name(benchmark)}: the controls alone",
            columns=[
                Column("Control"),
                Column(heading(corpus, "Of")),
                Column("Objective"),
                Column("Bias, all domains", numeric=True, interval=True),
                Column("Perplexity, %", numeric=True),
                Column("Everyday, %", numeric=True),
                Column("LMS", numeric=True),
            ],
            rows=[
                [
                    row.control or NONE,
                    forgotten_name(row, corpus) if row.forget in forgotten else "every forgetting",
                    NONE if row.method == row.control else row.method,
                    _ranged(row.mean),
                    *_costs(row),
                ]
                for row in mine
            ],
            note="Bias: the mean of its changes in the single domains.",
        ),
        keep=3,
    )


def excess_table(benchmark: str, matrix: Sequence[MatrixCell]) -> Table:
    """What is left of each effect after each control, the verdict, and what would decide it."""
    mine = [c for c in matrix if c.benchmark == benchmark and c.control is None]
    corpus = shared_corpus(mine)
    controls = list(dict.fromkeys(name for cell in mine for name in cell.excess))
    table = _filled(
        Table(
            id=anchor("excess", benchmark),
            caption=f"{benchmark_name(benchmark)}: change of bias, and what is left after each "
            "control",
            columns=[
                Column(heading(corpus)),
                Column("Domain"),
                Column("Bias", numeric=True, interval=True),
                *(Column(f"beyond {name}", numeric=True, interval=True) for name in controls),
                Column("Verdict"),
                Column("p, corrected", numeric=True),
                Column("Why undecided"),
                Column("Data needed", numeric=True),
                Column("Seeds needed", numeric=True),
            ],
            rows=[
                [
                    row_name(cell, corpus),
                    domain_name(cell.domain) + (" (own)" if cell.own else ""),
                    _ranged(cell.bias),
                    *(_ranged(cell.excess.get(name)) for name in controls),
                    cell.verdict or NONE,
                    _p(cell.p_verdict),
                    cell.reason or NONE,
                    *_needed(cell),
                ]
                for cell in mine
            ],
        ),
        keep=2,
    )
    if any(column.title == "Data needed" for column in table.columns):
        return replace(
            table,
            note="Data needed: how many times the items and seeds would decide the verdict, were "
            "the effects what was measured here; seeds needed: how many seeds would, with the same "
            "items (none would: these are too few).",
        )
    return table


def cells_table(study: StudyRecord) -> Table:
    """Every single run, one row for each domain."""
    corpus = shared_corpus(study.cells)
    titles = [heading(corpus), "Seed", "Benchmark", "Domain"]
    numbers = ["Before", "After", "Change", "95 % interval", "p", "p, corrected"]
    return Table(
        id="cells",
        caption="All measurements, seed by seed",
        columns=[*map(Column, titles), *(Column(name, numeric=True) for name in numbers)],
        rows=[
            [
                row_name(cell, corpus),
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


def _filled(table: Table, *, keep: int) -> Table:
    """The table without columns that say nothing, but for the first so many."""
    places = [
        place
        for place in range(len(table.columns))
        if place < keep or any(row[place] != NONE for row in table.rows)
    ]
    return replace(
        table,
        columns=[table.columns[place] for place in places],
        rows=[[row[place] for place in places] for row in table.rows],
    )


def _answer(cell: MatrixCell) -> str:
    return signed(cell.bias.value) + SIGNS[cell.verdict] + (" (own)" if cell.own else "")


def _costs(row: Row) -> list[Content]:
    """Perplexity, that of everyday sentences, and the language modelling score."""
    known = row.lms_before is not None and row.lms_after is not None
    return [
        _percent(row.perplexity_ratio),
        _percent(row.everyday_ratio),
        signed((row.lms_after or 0.0) - (row.lms_before or 0.0)) if known else NONE,
    ]


def _needed(cell: MatrixCell) -> list[Content]:
    """What would decide a cell; older records, without the verdict's p, meant another thing."""
    if cell.data_needed is None or cell.p_verdict is None:
        return [NONE, NONE]
    seeds = NONE if cell.seeds == 1 else "none would"
    return [
        f"× {number(cell.data_needed)}",
        seeds if cell.seeds_needed is None else str(cell.seeds_needed),
    ]


def _p(value: float | None) -> str:
    return "< 0.001" if value is not None and value < 0.001 else number(value, 3)


def _percent(ratio: float | None) -> str:
    return NONE if ratio is None else signed(100 * (ratio - 1))


def _ranged(effect: Effect | None, clusters: int | None = None) -> Content:
    """An effect with its interval; marked where no decision may be read from it."""
    if effect is None:
        return NONE
    ranged = Ranged(effect.value, effect.ci, change=True)
    return f"{ranged}, {FEW}" if too_few(clusters) else ranged
