"""The results of a transfer study as tables in the terminal."""

from __future__ import annotations

from fairforget.benchmarks.limitations import find_limitations
from fairforget.tables import make_table, print_content, print_lines
from fairforget.transfer_study.record import Effect, StudyRecord, too_few
from fairforget.transfer_study.report.row_names import (
    heading,
    row_label,
    shared_corpus,
    sort_controls_last,
)
from fairforget.transfer_study.report.summary import count_verdicts, describe_controls


def show_study(study: StudyRecord) -> None:
    """For each benchmark, the effects on unlearned and other domains, and the verdicts."""
    corpus = shared_corpus(study.rows)
    for score in dict.fromkeys((row.benchmark, row.measure) for row in study.rows):
        benchmark, measure = score
        table = make_table(f"{benchmark}, {measure}: change of bias, mean over domains", [])
        table.add_column(heading(corpus))  # names may wrap, numbers may not
        for column in ("own [95 %]", "others [95 %]", "perplexity"):
            table.add_column(column, justify="right", no_wrap=True)
        for row in sort_controls_last(r for r in study.rows if (r.benchmark, r.measure) == score):
            table.add_row(
                row_label(row, corpus),
                _format_effect(row.own, row.own_clusters),
                _format_effect(row.transfer, None),
                f"{100 * (row.perplexity_ratio - 1):+.2f} %",
            )
        print_content(table)
        print_lines(count_verdicts([c for c in study.matrix if (c.benchmark, c.measure) == score]))
    if any(too_few(row.own_clusters) for row in study.rows):
        print_content("*: too few terms for a decision.")
    print_content(describe_controls(study.matrix))
    print_lines(find_limitations([row.benchmark for row in study.rows]))


def _format_effect(effect: Effect | None, clusters: int | None) -> str:
    if effect is None:
        return "-"
    mark = "*" if too_few(clusters) else ""
    return f"{effect.value:+.1f} [{effect.ci[0]:+.1f}, {effect.ci[1]:+.1f}]{mark}"
