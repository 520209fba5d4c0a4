"""The report page of one evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fairforget.benchmarks.measurement import ALL
from fairforget.benchmarks.measures import measure_of
from fairforget.records.evaluation import Evaluation, read_evaluation
from fairforget.report import harmful_words
from fairforget.report.evaluation_headline import evaluation_headline
from fairforget.report.evidence import list_limitations
from fairforget.report.facts import benchmark_table, generic_table, versions_table
from fairforget.report.figures import further_plot, score_plot
from fairforget.report.further_scores import NOTES, WITH_OWN_TABLE, find_companion
from fairforget.report.items import strongest_items
from fairforget.report.results import count_text
from fairforget.report.scores import (
    DomainScore,
    Perplexity,
    domain_scores,
    is_known,
    perplexities,
)
from fairforget.report.section import Section
from fairforget.report.tables import (
    Column,
    Content,
    IntervalCell,
    Table,
    interval_cell,
    interval_column,
)
from fairforget.report.wording import anchor, benchmark_name, domain_name, format_number
from fairforget.report.written import worst_continuations

TEMPLATE = "evaluation.html.j2"


def read(directory: Path) -> Evaluation:
    """The evaluation in a directory; its scored items may be missing."""
    return read_evaluation(directory, without_items=True)


def context(evaluation: Evaluation) -> dict[str, Any]:
    """The variables of the template."""
    record = evaluation.record
    results = record.results
    return {
        "model": record.model.source,
        "headline": evaluation_headline(record.model.source, results),
        "benchmarks": [
            score_section(name, scores, perplexities(results))
            for name in results
            if (scores := domain_scores(name, results))
        ]
        + [
            harmful_words.score_section(name, result)
            for name, result in results.items()
            if harmful_words.is_scored(name, result)
        ],
        "generic": [
            generic_table(name, None, result)
            for name, result in results.items()
            if not is_known(name, results) and not harmful_words.is_scored(name, result)
        ],
        "items": [
            table
            for name in results
            for find in (strongest_items, worst_continuations)
            for table in find(name, evaluation.items)
        ],
        "limitations": list_limitations(results, "scores"),
        "facts": [
            benchmark_table(record),
            versions_table(record.model, record.environment, record.seconds),
        ],
    }


def score_section(
    name: str, scores: Sequence[DomainScore], perplexity: Sequence[Perplexity]
) -> Section:
    """The plots and tables of one benchmark in one evaluation."""
    title = benchmark_name(name)
    plots = [
        score_plot(
            anchor("plot", name),
            f"{title}: stereotype score by domain, with 95 % intervals",
            [],
            scores,
        )
    ]
    if companion := find_companion(score.further for score in scores):
        plots.append(
            further_plot(
                anchor("plot", name, companion),
                f"{title}: {measure_of(companion).in_words}, with 95 % intervals",
                [],
                scores,
                companion,
            )
        )
    return Section(
        title,
        [score_table(name, scores, perplexity)],
        plots,
        folded_scores(name, scores),
        has_stereotype_score=True,
    )


def score_table(
    benchmark: str, scores: Sequence[DomainScore], perplexity: Sequence[Perplexity]
) -> Table:
    """Stereotype score, its companion, LMS and ICAT by domain, of one evaluation."""
    lms = any(score.lms is not None for score in scores)
    companion = find_companion(score.further for score in scores)
    shown = dict.fromkeys([companion, measure_of(companion).judged_by]) if companion else {}
    columns = [
        *(Column("Domain"), interval_column("Stereotype score")),
        *(interval_column(f"{measure_of(n).title}, {measure_of(n).unit}") for n in shown),
        *([interval_column("LMS"), Column("ICAT", numeric=True)] if lms else []),
        Column("Items", numeric=True),
        *([Column("Terms", numeric=True)] if lms else []),
    ]
    rows = []
    for score in scores:
        row: list[Content] = [domain_name(score.domain), IntervalCell(score.score, score.ci)]
        row += [_score_cell(score, name) for name in shown]
        if lms:
            row += [IntervalCell(score.lms, score.lms_ci), format_number(score.icat)]
        row.append(count_text(score.items))
        rows.append([*row, count_text(score.terms)] if lms else row)
    notes = [f"Perplexity on {p.corpus}: {format_number(p.value, 2)}." for p in perplexity]
    return Table(
        caption=f"{benchmark_name(benchmark)} scores",
        columns=columns,
        rows=rows,
        note=" ".join([NOTES[companion], *notes] if companion else notes),
        strong=frozenset(i for i, s in enumerate(scores) if s.domain == ALL),
    )


def folded_scores(benchmark: str, scores: Sequence[DomainScore]) -> list[Table]:
    """Further bias scores by domain, of one evaluation."""
    companion = find_companion(score.further for score in scores)
    shown = {companion, measure_of(companion).judged_by} if companion else set()
    names = [n for n in WITH_OWN_TABLE if n not in shown and any(n in s.further for s in scores)]
    if not names:
        return []
    return [
        Table(
            caption=f"{benchmark_name(benchmark)}: further scores",
            columns=[
                Column("Domain"),
                *(interval_column(f"{measure_of(n).title}, {measure_of(n).unit}") for n in names),
            ],
            rows=[
                [domain_name(score.domain), *(_score_cell(score, name) for name in names)]
                for score in scores
            ],
            note=" ".join(NOTES[name] for name in names if name in NOTES),
        )
    ]


def _score_cell(score: DomainScore, name: str) -> Content:
    return interval_cell(score.further.get(name), measure_of(name).digits)
