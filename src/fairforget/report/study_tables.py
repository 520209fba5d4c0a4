"""The tables of a transfer study, for its report and for Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fairforget.report.heat_map import heading
from fairforget.report.row_names import (
    CONTROLS_LAST,
    controls_last,
    forget_label,
    row_label,
    shared_corpus,
)
from fairforget.report.tables import Column, Content, IntervalCell, Table
from fairforget.report.wording import (
    NONE,
    benchmark_name,
    domain_name,
    format_interval,
    format_number,
    format_p_number,
    format_signed,
    join_words,
)
from fairforget.transfer_study.record import (
    ClaimVerdict,
    Effect,
    MatrixCell,
    MatrixRow,
    StudyRecord,
    too_few,
)

SIGNS: dict[ClaimVerdict | None, str] = {
    "supported": " yes",
    "contradicted": " no",
    "undecided": " ?",
    None: "",
}
FEW = "too few terms"
MOST_DATA = 100
"""So many times the data is as good as never; more is not told apart."""


def answer_table(benchmark: str, matrix: Sequence[MatrixCell]) -> Table:
    """The verdict on every forgetting in every domain."""
    mine = [c for c in matrix if c.benchmark == benchmark and c.control is None]
    corpus = shared_corpus(mine)
    domains = list(dict.fromkeys(cell.domain for cell in mine))
    rows: dict[tuple[str, str], dict[str, MatrixCell]] = {}
    for cell in mine:
        rows.setdefault((forget_label(cell, corpus), cell.method), {})[cell.domain] = cell
    return Table(
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


def rows_table(benchmark: str, rows: Sequence[MatrixRow]) -> Table:
    """Own effect and transfer of each forgetting, and what is left of them after each control."""
    mine = [row for row in rows if row.benchmark == benchmark and row.control is None]
    corpus = shared_corpus(mine)
    controls = list(dict.fromkeys(name for row in mine for name in row.transfer_excess))
    parts = ["Own", *(f"own beyond {c}" for c in controls)]
    parts += ["Others", *(f"others beyond {c}" for c in controls)]
    return _filled(
        Table(
            caption=f"{benchmark_name(benchmark)}: what was forgotten, and what went with it",
            columns=[
                Column(heading(corpus)),
                Column("Objective"),
                *(Column(name, numeric=True, interval=True) for name in parts),
                Column("Others ÷ own", numeric=True, interval=True),
                Column("Got worse"),
            ],
            rows=[
                [
                    forget_label(row, corpus),
                    row.method,
                    _ranged(row.own, row.own_clusters),
                    *(_ranged(row.own_excess.get(c), row.own_clusters) for c in controls),
                    _ranged(row.transfer),
                    *(_ranged(row.transfer_excess.get(c)) for c in controls),
                    NONE if row.ratio is None else IntervalCell(row.ratio, row.ratio_ci),
                    join_words([domain_name(d) for d in row.collateral]) or NONE,
                ]
                for row in mine
            ],
            note="Change of bias, the score's distance from no bias, in points: the mean over the "
            "domains that were forgotten (own), and over the others; a domain with too few terms "
            "counts in neither, unless there is no other. Beyond a control: minus the control's "
            "mean over the same domains. Others ÷ own is left out where bias in the own did not "
            "fall (p < 0.05, corrected), or too little to give the ratio an interval.",
        ),
        keep=2,
    )


def costs_table(benchmark: str, rows: Sequence[MatrixRow]) -> Table:
    """The damage that each forgetting and each control did, and its effect on the whole."""
    corpus = shared_corpus(rows)
    mine = [row for row in rows if row.benchmark == benchmark]
    return _filled(
        Table(
            caption=f"{benchmark_name(benchmark)}: what each forgetting and each control cost",
            columns=[
                Column(heading(corpus)),
                Column("Bias, mean of domains", numeric=True, interval=True),
                Column("Perplexity, %", numeric=True),
                Column("Everyday, %", numeric=True),
                Column("LMS", numeric=True),
                Column("Budget left", numeric=True),
            ],
            rows=[
                [row_label(row, corpus), _ranged(row.mean), *_costs(row), _short(row)]
                for row in controls_last(mine)
            ],
            note="Bias: the mean of its changes in the domains that have enough terms. A run stops "
            "at the first limit that it meets, perplexity on held-out text or on everyday "
            "sentences. Budget left: in how many runs neither was met as far out as a run may go. "
            f"{CONTROLS_LAST}",
        ),
        keep=1,
    )


def excess_table(benchmark: str, matrix: Sequence[MatrixCell]) -> Table:
    """What is left of each effect after each control, the verdict, and what would decide it."""
    mine = [c for c in matrix if c.benchmark == benchmark and c.control is None]
    corpus = shared_corpus(mine)
    controls = list(dict.fromkeys(name for cell in mine for name in cell.excess))
    table = _filled(
        Table(
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
                    row_label(cell, corpus),
                    domain_name(cell.domain) + (" (own)" if cell.own else ""),
                    _ranged(cell.bias),
                    *(_ranged(cell.excess.get(name)) for name in controls),
                    cell.verdict or NONE,
                    format_p_number(cell.p_verdict),
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
            note="Data needed: with how many times the items and seeds a study would decide the "
            "verdict four times of five, were the effects what was measured here; seeds needed: "
            "with how many seeds, and the same items (none would: these are too few).",
        )
    return table


def cells_table(study: StudyRecord) -> Table:
    """Every single run, one row for each domain."""
    corpus = shared_corpus(study.cells)
    titles = [heading(corpus), "Seed", "Benchmark", "Domain"]
    numbers = ["Before", "After", "Change", "95 % interval", "p (McNemar)", "p, corrected"]
    return Table(
        caption="All measurements, seed by seed",
        columns=[*map(Column, titles), *(Column(name, numeric=True) for name in numbers)],
        rows=[
            [
                row_label(cell, corpus),
                str(cell.seed),
                benchmark_name(cell.benchmark),
                domain_name(cell.domain),
                format_number(cell.before),
                format_number(cell.after),
                format_signed(cell.delta),
                format_interval(cell.ci),
                format_p_number(cell.p),
                format_p_number(cell.p_adjusted),
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
    return format_signed(cell.bias.value) + SIGNS[cell.verdict] + (" (own)" if cell.own else "")


def _costs(row: MatrixRow) -> list[Content]:
    """Perplexity, that of everyday sentences, and the language modelling score."""
    known = row.lms_before is not None and row.lms_after is not None
    return [
        _percent(row.perplexity_ratio),
        _percent(row.everyday_perplexity_ratio),
        format_signed((row.lms_after or 0.0) - (row.lms_before or 0.0)) if known else NONE,
    ]


def _needed(cell: MatrixCell) -> list[Content]:
    """What would decide a cell."""
    if cell.data_needed is None:
        return [NONE, NONE]
    seeds = "none would" if cell.seeds_needed is None else str(cell.seeds_needed)
    most = (
        f"> × {MOST_DATA}"
        if cell.data_needed > MOST_DATA
        else f"× {format_number(cell.data_needed)}"
    )
    return [most, seeds]


def _short(row: MatrixRow) -> str:
    return f"{row.short} of {row.seeds}" if row.short else NONE


def _percent(ratio: float | None) -> str:
    return NONE if ratio is None else format_signed(100 * (ratio - 1))


def _ranged(effect: Effect | None, clusters: int | None = None) -> Content:
    """An effect with its interval; marked where no decision may be read from it."""
    if effect is None:
        return NONE
    ranged = IntervalCell(effect.value, effect.ci, change=True)
    return f"{ranged}, {FEW}" if too_few(clusters) else ranged
