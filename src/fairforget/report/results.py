"""Plots and tables of results: stereotype scores, language modelling scores and perplexity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from fairforget.benchmarks.measurement import ALL
from fairforget.benchmarks.measures import measure_of
from fairforget.comparison.score_change import Change
from fairforget.report.before_after import BeforeAfter, DomainChange, FurtherChange
from fairforget.report.cell_words import describe_cell, describe_p, shown_interval
from fairforget.report.figures import change_plot, further_plot, score_plot
from fairforget.report.further_scores import LMS_PARTS, NOTES, WITH_OWN_TABLE, find_companion
from fairforget.report.section import Section
from fairforget.report.tables import (
    Column,
    Content,
    IntervalCell,
    Table,
    interval_cell,
    interval_column,
)
from fairforget.report.wording import (
    NONE,
    anchor,
    benchmark_name,
    capitalize_first,
    domain_name,
    format_number,
    format_signed,
    measured_text,
)


def benchmark_section(name: str, comparison: BeforeAfter, note: str) -> Section:
    """The plots and tables of one benchmark, before and after; `note` is about perplexity."""
    changes = comparison.benchmarks[name]
    title = benchmark_name(name)
    intervals = ", with 95 % intervals" if any(c.after.ci for c in changes) else ""
    sides = [change.before for change in changes], [change.after for change in changes]
    plots = [
        score_plot(
            anchor("plot", name),
            f"{title}: stereotype score by domain, before and after{intervals}",
            *sides,
        ),
        change_plot(
            anchor("plot", name, "change"),
            f"{title}: change of the score on the same items, with 95 % intervals",
            changes,
        ),
    ]
    if companion := find_companion(change.further for change in changes):
        plots.append(
            further_plot(
                anchor("plot", name, companion),
                f"{title}: {measure_of(companion).in_words}, before and after{intervals}",
                *sides,
                companion,
            )
        )
    return Section(
        title,
        change_tables(name, changes, note),
        [plot for plot in plots if plot],
        folded_changes(name, changes),
        has_stereotype_score=True,
    )


def change_tables(benchmark: str, changes: Sequence[DomainChange], note: str) -> list[Table]:
    """Bias scores by domain, before and after, and LMS and ICAT if they were measured.

    Args:
        benchmark: its name.
        changes: its domains.
        note: about perplexity.
    """
    name = benchmark_name(benchmark)
    strong = frozenset(i for i, c in enumerate(changes) if c.domain == ALL)
    lms = any(c.before.lms is not None for c in changes)
    companion = find_companion(c.further for c in changes)
    columns = [
        Column("Domain"),
        interval_column("Stereotype score before"),
        interval_column("Stereotype score after"),
        interval_column("Change"),
        Column("Verdict"),
        Column("p, corrected", numeric=True),
    ]
    if companion:
        title = capitalize_first(measure_of(companion).short)
        judged = title if measure_of(companion).judged_by == companion else "Scaled"
        columns += [
            interval_column(f"{title} before"),
            interval_column(f"{title} after"),
            interval_column(f"{title} change"),
            Column(f"{judged}: verdict"),
            Column(f"{judged}: p", numeric=True),
        ]
    bias = Table(
        caption=f"{name}, before and after",
        columns=[*columns, *([] if lms else [Column("Items", numeric=True)])],
        rows=[
            [
                *_change_row(change),
                *(_companion_row(change, companion) if companion else []),
                *([] if lms else [count_text(change.after.items)]),
            ]
            for change in changes
        ],
        note="p: Student’s t over terms or pairs; for the stereotype score, that of the exact "
        "McNemar test of the pairs whose preference flipped, if it is larger; "
        f"Holm-corrected. {NOTES[companion] if companion else ''} {'' if lms else note}",
        strong=strong,
    )
    bias = replace(bias, note=" ".join(bias.note.split()))
    if not lms:
        return [bias]
    columns = [
        *(interval_column(f"LMS {when}") for when in ("before", "after")),
        interval_column("LMS change"),
        *(Column(title, numeric=True) for title in ("ICAT before", "ICAT after")),
        *(Column(title, numeric=True) for title in ("Items", "Terms")),
    ]
    ability = Table(
        caption=f"{name}: language modelling, before and after",
        columns=[Column("Domain"), *columns],
        rows=[_ability_row(change) for change in changes],
        note=note,
        strong=strong,
    )
    return [bias, ability]


def folded_changes(benchmark: str, changes: Sequence[DomainChange]) -> list[Table]:
    """Further bias scores by domain, before and after: a table for each that was measured."""
    tables = []
    for measure in WITH_OWN_TABLE:
        rows: list[list[Content]] = []
        for change in changes:
            if (further := change.further.get(measure)) is None:
                continue
            digits, cell = measure_of(measure).digits, further.cell
            rows.append(
                [
                    domain_name(change.domain),
                    *_further_cells(further, digits),
                    describe_cell(cell) if cell else NONE,
                    describe_p(cell),
                ]
            )
        if rows:
            tables.append(
                Table(
                    caption=f"{benchmark_name(benchmark)}: {measure_of(measure).in_words}",
                    columns=[
                        Column("Domain"),
                        *(interval_column(title) for title in ("Before", "After", "Change")),
                        Column("Verdict"),
                        Column("p, corrected", numeric=True),
                    ],
                    rows=rows,
                    note=NOTES.get(measure, ""),
                )
            )
    return tables


def _change_row(change: DomainChange) -> list[Content]:
    before, after, paired = change.before, change.after, change.paired
    return [
        domain_name(change.domain),
        IntervalCell(before.score, before.ci),
        IntervalCell(after.score, after.ci),
        IntervalCell(change.delta, shown_interval(paired), change=True),
        describe_cell(paired),
        describe_p(paired),
    ]


def _companion_row(change: DomainChange, companion: str) -> list[Content]:
    further, shown = change.further, measure_of(companion)
    if companion not in further:
        return [NONE] * 5
    judged = further.get(shown.judged_by)
    cell = judged.cell if judged else None
    return [
        *_further_cells(further[companion], shown.digits),
        describe_cell(cell),
        describe_p(cell),
    ]


def _further_cells(further: FurtherChange, digits: int) -> list[Content]:
    return [
        *(interval_cell(score, digits) for score in (further.before, further.after)),
        IntervalCell(further.change.delta, further.change.ci, change=True, digits=digits),
    ]


def _ability_row(change: DomainChange) -> list[Content]:
    before, after = change.before, change.after
    return [
        domain_name(change.domain),
        IntervalCell(before.lms, before.lms_ci),
        IntervalCell(after.lms, after.lms_ci),
        _change_cell(change.lms),
        format_number(before.icat),
        format_number(after.icat),
        count_text(after.items),
        count_text(after.terms),
    ]


def cost_table(comparison: BeforeAfter) -> Table | None:
    """LMS, its parts and ICAT over all domains, and perplexity; None if nothing was measured."""
    rows: list[list[Content]] = []
    total = comparison.language()
    if total:
        parts = {
            measure_of(name).title: total.further[name].change
            for name in LMS_PARTS
            if name in total.further
        }
        for name, change in {"LMS": total.lms, **parts, "ICAT": total.icat}.items():
            if change:
                rows.append(
                    [
                        f"{name} (higher is better, maximum 100)",
                        format_number(change.before),
                        format_number(change.after),
                        _change_cell(change),
                    ]
                )
    for p in comparison.perplexity:
        rows.append(
            [
                f"Perplexity, {p.corpus} (lower is better)",
                format_number(p.before, 2),
                format_number(p.after, 2),
                f"{format_signed(p.percent)} %",
            ]
        )
    if not rows:
        return None
    return Table(
        caption="Language modelling before and after",
        columns=[
            Column("Measure"),
            Column("Before", numeric=True),
            Column("After", numeric=True),
            interval_column("Change"),
        ],
        rows=rows,
    )


def perplexity_note(
    comparison: BeforeAfter, ratios: Mapping[str, float] = MappingProxyType({})
) -> str:
    """The perplexities before and after, in sentences.

    Args:
        comparison: before against after.
        ratios: perplexity ratios of the budget, after ÷ before, by constraint; used if no
            perplexity was evaluated.
    """
    if not comparison.perplexity:
        if not ratios:
            return "Perplexity was not measured."
        return " ".join(
            f"Perplexity on {measured_text(name)}: {format_number(ratio, 3)} × the original’s."
            for name, ratio in ratios.items()
        )
    return " ".join(
        f"Perplexity on {p.corpus}: {format_number(p.before, 2)} before, "
        f"{format_number(p.after, 2)} after ({format_signed(p.percent)} %)."
        for p in comparison.perplexity
    )


def _change_cell(change: Change | None) -> IntervalCell:
    delta, ci = (change.delta, change.ci) if change else (None, None)
    return IntervalCell(delta, ci, change=True)


def count_text(value: int | None) -> str:
    """A number of items or terms."""
    return NONE if value is None else str(value)
