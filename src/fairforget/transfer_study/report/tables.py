"""The tables of a transfer study, for its report page and for Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fairforget.benchmarks.measures import SHOWN_BESIDE, measure_of
from fairforget.report.tables import (
    Column,
    Content,
    IntervalCell,
    Table,
    drop_empty_columns,
    interval_cell,
    interval_column,
)
from fairforget.report.wording import (
    NONE,
    capitalize_first,
    domain_name,
    format_interval,
    format_number,
    format_p_number,
    format_signed,
    join_words,
)
from fairforget.statistics.jackknife import too_few
from fairforget.transfer_study.record import (
    ClaimVerdict,
    Effect,
    MatrixCell,
    MatrixRow,
    StudyRecord,
)
from fairforget.transfer_study.report.row_names import (
    forget_label,
    heading,
    row_label,
    score_name,
    shared_corpus,
)
from fairforget.transfer_study.report.verdict_words import (
    MARGIN_NOTE,
    decisive_excess,
    verdict_p,
    verdict_text,
)

SHORT: dict[ClaimVerdict | None, str] = {
    "supported": "fell",
    "contradicted": "rose or fell less",
}
"""Verdict → its words in a narrow cell; other verdicts are as elsewhere."""
FEW = "too few terms"
FORGOTTEN = " (forgotten)"
OWN_NOTE = "Forgotten: the forget set covers the domain."
DATA_NOTE = (
    "Data needed: the multiple of items and seeds with which a study would reach a verdict with a "
    "power of 80 %, if the true effects were those measured here. Seeds needed: the number of "
    "seeds for the same items (none would: no number is enough)."
)
MAX_DATA = 100
"""Larger multiples of the data are shown as "> × 100"."""


def answer_table(benchmark: str, measure: str, matrix: Sequence[MatrixCell]) -> Table:
    """The verdict on every forget corpus in every domain.

    Args:
        benchmark: its name.
        measure: a bias score of it.
        matrix: the cells of this score.
    """
    cells = [c for c in matrix if c.control is None]
    corpus = shared_corpus(cells)
    domains = list(dict.fromkeys(cell.domain for cell in cells))
    rows: dict[tuple[str, str], dict[str, MatrixCell]] = {}
    for cell in cells:
        rows.setdefault((forget_label(cell, corpus), cell.method), {})[cell.domain] = cell
    return Table(
        caption=f"{score_name(benchmark, measure)}: did bias fall?",
        columns=[
            Column(heading(corpus)),
            Column("Objective"),
            *(Column(domain_name(domain)) for domain in domains),
        ],
        rows=[
            [*name, *(_answer(row[d]) if d in row else NONE for d in domains)]
            for name, row in rows.items()
        ],
        note=f"{_describe_bias(measure)}. Fell: bias fell and, if there are valid controls, "
        "by more than with each of them. Rose or fell less: bias rose, or fell less than with a "
        "valid control. "
        f"{MARGIN_NOTE} {OWN_NOTE}",
    )


def rows_table(benchmark: str, measure: str, rows: Sequence[MatrixRow]) -> Table:
    """Effect on the forgotten and on the other domains, and how far it exceeds each control.

    Args:
        benchmark: its name.
        measure: a bias score of it.
        rows: those of this score.
    """
    own_rows = [row for row in rows if row.control is None]
    digits = measure_of(measure).digits
    corpus = shared_corpus(own_rows)
    controls = list(
        dict.fromkeys(n for row in own_rows for n in (*row.transfer_excess, *row.own_excess))
    )
    effects = ["Forgotten domains", *(f"forgotten beyond {c}" for c in controls)]
    effects += ["Other domains", *(f"others beyond {c}" for c in controls)]
    return drop_empty_columns(
        Table(
            caption=f"{score_name(benchmark, measure)}: effect on forgotten and other domains",
            columns=[
                Column(heading(corpus)),
                Column("Objective"),
                *(interval_column(name) for name in effects),
                interval_column("Others ÷ forgotten"),
                Column("Bias rose in"),
            ],
            rows=[
                [
                    forget_label(row, corpus),
                    row.method,
                    effect_cell(row.own, digits, row.own_clusters),
                    *(
                        effect_cell(row.own_excess.get(c), digits, row.own_clusters)
                        for c in controls
                    ),
                    effect_cell(row.transfer, digits),
                    *(effect_cell(row.transfer_excess.get(c), digits) for c in controls),
                    NONE if row.ratio is None else IntervalCell(row.ratio, row.ratio_ci),
                    join_words([domain_name(d) for d in row.collateral]) or NONE,
                ]
                for row in own_rows
            ],
            note=f"{_describe_bias(measure)}: the mean over the forgotten domains and over the "
            "others. Domains with too few terms are left out, unless there are no other forgotten "
            "domains. Beyond a control: minus the control’s mean over the same domains. Others ÷ "
            "forgotten is given only if bias fell in the forgotten domains (p < 0.05, corrected) "
            "by enough for the ratio to have an interval.",
        ),
        keep=2,
    )


def excess_table(benchmark: str, measure: str, matrix: Sequence[MatrixCell]) -> Table:
    """The effect beyond each control, the verdict, and the data that would decide it.

    Args:
        benchmark: its name.
        measure: a bias score of it.
        matrix: the cells of this score.
    """
    cells = [c for c in matrix if c.control is None]
    digits = measure_of(measure).digits
    corpus = shared_corpus(cells)
    controls = list(dict.fromkeys(name for cell in cells for name in cell.excess))
    nats = measure_of(SHOWN_BESIDE.get(measure, ""))
    table = drop_empty_columns(
        Table(
            caption=f"{score_name(benchmark, measure)}: change in bias, alone and beyond each "
            "control",
            columns=[
                Column(heading(corpus)),
                Column("Domain"),
                interval_column("Change in bias"),
                *(interval_column(f"beyond {name}") for name in controls),
                Column(capitalize_first(nats.unit), numeric=True),
                Column("Verdict"),
                Column("p, corrected", numeric=True),
                Column("Why undecided"),
                Column("Data needed", numeric=True),
                Column("Seeds needed", numeric=True),
            ],
            rows=[
                [
                    row_label(cell, corpus),
                    domain_name(cell.domain) + (FORGOTTEN if cell.own else ""),
                    effect_cell(cell.bias, digits),
                    *(effect_cell(cell.excess.get(name), digits) for name in controls),
                    _describe_nats(cell, nats.digits),
                    verdict_text(cell),
                    format_p_number(verdict_p(cell)),
                    cell.reason or NONE,
                    *_required_data(cell),
                ]
                for cell in cells
            ],
        ),
        keep=2,
    )
    notes = (
        [MARGIN_NOTE] if controls or any(c.verdict == "no more than margin" for c in cells) else []
    )
    if any(column.title == "Data needed" for column in table.columns):
        notes.append(DATA_NOTE)
    return replace(table, note=" ".join(notes))


def cells_table(study: StudyRecord) -> Table:
    """Every run, one row for each domain."""
    corpus = shared_corpus(study.cells)
    titles = [heading(corpus), "Seed", "Score", "Domain"]
    numbers = ["Before", "After", "Change", "95 % interval", "p", "p, corrected"]
    return Table(
        caption="All measurements, seed by seed",
        columns=[*map(Column, titles), *(Column(name, numeric=True) for name in numbers)],
        rows=[
            [
                row_label(cell, corpus),
                str(cell.seed),
                score_name(cell.benchmark, cell.measure),
                domain_name(cell.domain),
                format_number(cell.before, digits),
                format_number(cell.after, digits),
                format_signed(cell.delta, digits),
                format_interval(cell.ci, digits),
                format_p_number(cell.p),
                format_p_number(cell.p_adjusted),
            ]
            for cell in study.cells
            for digits in (measure_of(cell.measure).digits,)
        ],
        note="p: as fairforget compare computes it; Holm-corrected over the study.",
    )


def _answer(cell: MatrixCell) -> str:
    """The change in bias, with its verdict."""
    value = format_signed(cell.bias.value, measure_of(cell.measure).digits)
    short = SHORT.get(cell.verdict) if decisive_excess(cell) else None
    answer = short or verdict_text(cell)
    return f"{value}: {answer}" + (FORGOTTEN if cell.own else "")


def _describe_nats(cell: MatrixCell, digits: int) -> str:
    """The score in nats, before and after."""
    if cell.nats is None:
        return NONE
    return " → ".join(format_number(value, digits) for value in cell.nats)


def _required_data(cell: MatrixCell) -> list[Content]:
    """The data and the seeds that would decide a cell."""
    if cell.data_needed is None:
        return [NONE, NONE]
    seeds = "none would" if cell.seeds_needed is None else str(cell.seeds_needed)
    data = (
        f"> × {MAX_DATA}" if cell.data_needed > MAX_DATA else f"× {format_number(cell.data_needed)}"
    )
    return [data, seeds]


def effect_cell(effect: Effect | None, digits: int, clusters: int | None = None) -> Content:
    """An effect with its interval; marked if there are too few clusters for a decision."""
    return interval_cell(effect, digits, change=True, mark=FEW if too_few(clusters) else "")


def _describe_bias(measure: str) -> str:
    shown = measure_of(measure)
    return (
        f"Change in bias, the distance of the {shown.name} from {shown.ideal:g} (no bias), in "
        f"{shown.unit}"
    )
