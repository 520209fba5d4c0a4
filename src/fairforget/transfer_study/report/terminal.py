"""The results of a transfer study as tables in the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from fairforget.benchmarks.limitations import find_limitations
from fairforget.benchmarks.measures import measure_of
from fairforget.report.terminal import describe_start
from fairforget.report.wording import NONE, format_p_number, format_plain_interval
from fairforget.statistics.jackknife import too_few
from fairforget.terminal.tables import make_table, print_content, print_lines
from fairforget.transfer_study.record import Effect, MatrixRow, Omnibus, StudyRecord
from fairforget.transfer_study.report.row_names import (
    FOLDED,
    heading,
    row_label,
    score_name,
    shared_corpus,
    sort_controls_last,
)
from fairforget.transfer_study.report.summary import (
    count_verdicts,
    describe_controls,
    describe_gaps,
)
from fairforget.transfer_study.report.verdict_words import verdict_p, verdict_text


def show_study(study: StudyRecord) -> None:
    """The primary tests; for each benchmark, the effects, the verdicts and what the runs cost."""
    corpus = shared_corpus(study.rows)
    if study.omnibus:
        print_content(_omnibus_table(study.omnibus))
    for benchmark in dict.fromkeys(row.benchmark for row in study.rows):
        rows = [row for row in study.rows if row.benchmark == benchmark]
        for measure in dict.fromkeys(row.measure for row in rows):
            if measure in FOLDED:
                continue
            part = [row for row in rows if row.measure == measure]
            print_content(_effects_table(score_name(benchmark, measure), part, corpus))
            print_lines(
                count_verdicts(
                    [c for c in study.matrix if (c.benchmark, c.measure) == (benchmark, measure)]
                )
            )
        print_content(_costs_table(benchmark, rows, corpus))
    if any(too_few(row.own_clusters) for row in study.rows):
        print_content("*: too few terms for a decision.")
    print_content(
        "Flipped: items whose likelier version is no longer that of the original. Movement: mean "
        "KL divergence from the original, nats per token."
    )
    print_lines([describe_start(study.model)])
    print_lines(filter(None, [describe_controls(study)]))
    print_lines(describe_gaps(study))
    print_lines([f"{failure.run} failed: {failure.summary}" for failure in study.failed])
    print_lines(find_limitations([row.benchmark for row in study.rows]))


def _omnibus_table(tests: Sequence[Omnibus]) -> Table:
    table = make_table(
        "Primary tests: mean over the domains that were not forgotten", ["objective"]
    )
    table.add_column("score")
    for column in ("change in bias [95 %]", "p, Holm"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("verdict")
    for test in tests:
        table.add_row(
            test.method,
            score_name(test.benchmark, test.measure),
            _format_effect(test.bias, measure_of(test.measure).digits),
            format_p_number(verdict_p(test)),
            verdict_text(test),
        )
    return table


def _effects_table(score: str, rows: Sequence[MatrixRow], corpus: str) -> Table:
    digits = measure_of(rows[0].measure).digits
    unit = measure_of(rows[0].measure).unit
    table = make_table(f"{score}: change in bias, {unit}, mean over domains", [])
    table.add_column(heading(corpus))  # names may wrap, numbers may not
    for column in ("forgotten [95 %]", "others [95 %]"):
        table.add_column(column, justify="right", no_wrap=True)
    for row in sort_controls_last(rows):
        table.add_row(
            row_label(row, corpus),
            _format_effect(row.own, digits, row.own_clusters),
            _format_effect(row.transfer, digits),
        )
    return table


def _costs_table(benchmark: str, rows: Sequence[MatrixRow], corpus: str) -> Table:
    table = make_table(f"{benchmark}: utility loss and size of the change", [])
    table.add_column(heading(corpus))
    for column in ("perplexity", "flipped", "movement"):
        table.add_column(column, justify="right", no_wrap=True)
    for row in sort_controls_last(row for row in rows if row.measure == rows[0].measure):
        table.add_row(
            row_label(row, corpus),
            f"{100 * (row.perplexity_ratio - 1):+z.2f} %",
            NONE if row.flipped is None else f"{100 * row.flipped:.1f} %",
            NONE if row.movement is None else f"{row.movement:.4f}",
        )
    return table


def _format_effect(effect: Effect | None, digits: int, clusters: int | None = None) -> str:
    if effect is None:
        return NONE
    mark = "*" if too_few(clusters) else ""
    interval = format_plain_interval(effect.ci, digits)
    return f"{effect.value:+z.{digits}f} {interval}".rstrip() + mark
