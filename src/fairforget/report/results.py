"""Plots and tables of results: stereotype scores, language modelling scores and perplexity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fairforget.benchmarks.measurement import ALL
from fairforget.comparison.paired import Change
from fairforget.report.before_after import BeforeAfter, DomainChange
from fairforget.report.figures import change_plot, describe_verdict, score_plot
from fairforget.report.scores import DomainScore, Perplexity
from fairforget.report.tables import Column, Content, IntervalCell, Table
from fairforget.report.wording import (
    NONE,
    anchor,
    benchmark_name,
    domain_name,
    format_number,
    format_p_number,
    format_signed,
)


def benchmark_section(name: str, comparison: BeforeAfter, note: str) -> dict[str, Any]:
    """The plots and the table of one benchmark, before and after; `note` is about perplexity."""
    changes = comparison.benchmarks[name]
    title = benchmark_name(name)
    intervals = ", with 95 % intervals" if any(c.after.ci for c in changes) else ""
    plots = [
        score_plot(
            anchor("plot", name),
            f"{title}: stereotype score by domain, before and after{intervals}",
            [change.before for change in changes],
            [change.after for change in changes],
        ),
        change_plot(
            anchor("plot", name, "change"),
            f"{title}: change of the score on the same items, with 95 % intervals",
            changes,
        ),
    ]
    return {
        "title": title,
        "plots": [plot for plot in plots if plot],
        "table": change_table(name, changes, note),
    }


def change_table(benchmark: str, changes: Sequence[DomainChange], note: str) -> Table:
    """Stereotype score, LMS and ICAT by domain, before and after; `note` is about perplexity."""
    lms = any(c.before.lms is not None for c in changes)
    columns = [
        Column("Domain"),
        _interval("Stereotype score before"),
        _interval("Stereotype score after"),
        _interval("Change"),
        Column("Verdict"),
        Column("p, corrected", numeric=True),
    ]
    if lms:
        columns += [
            _interval("LMS before"),
            _interval("LMS after"),
            _interval("LMS change"),
            Column("ICAT before", numeric=True),
            Column("ICAT after", numeric=True),
        ]
    columns += [
        Column("Items", numeric=True),
        *([Column("Terms", numeric=True)] if lms else []),
    ]
    return Table(
        caption=f"{benchmark_name(benchmark)}, before and after",
        columns=columns,
        rows=[_change_row(change, lms) for change in changes],
        note="p: exact McNemar test of the pairs whose preference flipped, Holm-corrected. "
        f"{note}".strip(),
        strong=frozenset(i for i, c in enumerate(changes) if c.domain == ALL),
    )


def _change_row(change: DomainChange, lms: bool) -> list[Content]:
    before, after, paired = change.before, change.after, change.paired
    row: list[Content] = [
        domain_name(change.domain),
        IntervalCell(before.score, before.ci),
        IntervalCell(after.score, after.ci),
        IntervalCell(change.delta, paired.score.ci if paired else None, change=True),
        describe_verdict(change),
        format_p_number(paired.p_adjusted if paired else None),
    ]
    if lms:
        row += [
            IntervalCell(before.lms, before.lms_ci),
            IntervalCell(after.lms, after.lms_ci),
            _change_cell(change.lms),
            format_number(before.icat),
            format_number(after.icat),
        ]
    row.append(_count(after.items))
    return [*row, _count(after.terms)] if lms else row


def score_table(
    benchmark: str, scores: Sequence[DomainScore], perplexity: Sequence[Perplexity]
) -> Table:
    """Stereotype score, LMS and ICAT by domain, of one evaluation."""
    lms = any(score.lms is not None for score in scores)
    columns = [Column("Domain"), _interval("Stereotype score")]
    if lms:
        columns += [
            _interval("LMS"),
            Column("ICAT", numeric=True),
        ]
    columns.append(Column("Items", numeric=True))
    if lms:
        columns.append(Column("Terms", numeric=True))
    rows = []
    for score in scores:
        row: list[Content] = [domain_name(score.domain), IntervalCell(score.score, score.ci)]
        if lms:
            row += [IntervalCell(score.lms, score.lms_ci), format_number(score.icat)]
        row.append(_count(score.items))
        rows.append([*row, _count(score.terms)] if lms else row)
    return Table(
        caption=f"{benchmark_name(benchmark)} scores",
        columns=columns,
        rows=rows,
        note=" ".join(
            f"Perplexity on {p.corpus}: {format_number(p.value, 2)}." for p in perplexity
        ),
        strong=frozenset(i for i, s in enumerate(scores) if s.domain == ALL),
    )


def cost_table(comparison: BeforeAfter) -> Table | None:
    """LMS and ICAT over all domains, and perplexity; None if nothing was measured."""
    rows: list[list[Content]] = []
    total = comparison.language()
    if total:
        for name, change in (("LMS", total.lms), ("ICAT", total.icat)):
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
            _interval("Change"),
        ],
        rows=rows,
    )


def perplexity_note(comparison: BeforeAfter, reached: float | None) -> str:
    """The perplexity before and after, in a sentence.

    Args:
        comparison: before against after.
        reached: the budget's perplexity ratio, used if no perplexity was evaluated; may be None.
    """
    if not comparison.perplexity:
        if reached is None:
            return "Perplexity was not measured."
        return f"Perplexity on held-out text: {format_number(reached, 3)} × the original’s."
    return " ".join(
        f"Perplexity on {p.corpus}: {format_number(p.before, 2)} before, "
        f"{format_number(p.after, 2)} after ({format_signed(p.percent)} %)."
        for p in comparison.perplexity
    )


def _change_cell(change: Change | None) -> IntervalCell:
    delta, ci = (change.delta, change.ci) if change else (None, None)
    return IntervalCell(delta, ci, change=True)


def _interval(title: str) -> Column:
    return Column(title, numeric=True, interval=True)


def _count(value: int | None) -> str:
    return NONE if value is None else str(value)
