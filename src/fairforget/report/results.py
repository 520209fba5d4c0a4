"""The tables of numbers: bias beside language ability, before and after or once."""

from __future__ import annotations

from collections.abc import Sequence

from fairforget.benchmarks.measurement import ALL
from fairforget.comparison.paired import Change
from fairforget.report.before_after import BeforeAfter, DomainChange
from fairforget.report.figures import describe_verdict
from fairforget.report.scores import DomainScore, Perplexity
from fairforget.report.tables import Column, Content, IntervalCell, Table
from fairforget.report.wording import (
    NONE,
    benchmark_name,
    domain_name,
    format_number,
    format_p_number,
    format_signed,
)


def change_table(benchmark: str, changes: Sequence[DomainChange], perplexity: str) -> Table:
    """Stereotype score, LMS and ICAT per domain, before and after; perplexity in the note."""
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
        note="p: exact McNemar test of the pairs whose preference flipped, corrected (Holm) for "
        f"all comparisons of its kind. {perplexity}".strip(),
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
            _moved(change.lms),
            format_number(before.icat),
            format_number(after.icat),
        ]
    row.append(_count(after.items))
    return [*row, _count(after.terms)] if lms else row


def score_table(
    benchmark: str, scores: Sequence[DomainScore], perplexity: Sequence[Perplexity]
) -> Table:
    """Stereotype score, LMS and ICAT per domain of one evaluation."""
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
    """What it cost: LMS, ICAT and perplexity of the whole."""
    rows: list[list[Content]] = []
    whole = comparison.language()
    if whole:
        for name, change in (("LMS", whole.lms), ("ICAT", whole.icat)):
            if change:
                rows.append(
                    [
                        f"{name} (higher is better, to 100)",
                        format_number(change.before),
                        format_number(change.after),
                        _moved(change),
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
    """What stands beside every table of bias; where none was evaluated, the budget's measure."""
    if not comparison.perplexity:
        if reached is None:
            return "Perplexity was not measured."
        return f"Perplexity on held-out text: {format_number(reached, 3)} × the original’s."
    return " ".join(
        f"Perplexity on {p.corpus}: {format_number(p.before, 2)} before, "
        f"{format_number(p.after, 2)} after ({format_signed(p.percent)} %)."
        for p in comparison.perplexity
    )


def _moved(change: Change | None) -> IntervalCell:
    delta, ci = (change.delta, change.ci) if change else (None, None)
    return IntervalCell(delta, ci, change=True)


def _interval(title: str) -> Column:
    return Column(title, numeric=True, interval=True)


def _count(value: int | None) -> str:
    return NONE if value is None else str(value)
