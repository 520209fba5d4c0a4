"""What the report of one evaluation shows."""

from __future__ import annotations

from typing import Any

from fairforget.records.evaluation import Evaluation
from fairforget.report.facts import benchmark_table, evaluation_tables, generic_table
from fairforget.report.figures import score_plot
from fairforget.report.headline import evaluation_headline
from fairforget.report.items import strongest_items
from fairforget.report.limitations import list_limitations
from fairforget.report.results import score_table
from fairforget.report.scores import domain_scores, is_known, perplexities
from fairforget.report.wording import anchor, benchmark_name


def context(evaluation: Evaluation) -> dict[str, Any]:
    """The variables of `evaluation.html.j2`."""
    record = evaluation.record
    results = record.results
    sections = []
    for name in results:
        if scores := domain_scores(name, results):
            title = f"{benchmark_name(name)}: stereotype score per domain, with 95 % intervals"
            sections.append(
                {
                    "name": name,
                    "title": benchmark_name(name),
                    "plots": [score_plot(anchor("plot", name), title, [], scores)],
                    "table": score_table(name, scores, perplexities(results)),
                }
            )
    return {
        "model": record.model.source,
        "headline": evaluation_headline(record.model.source, results),
        "benchmarks": sections,
        "generic": [
            generic_table(name, None, result)
            for name, result in results.items()
            if not is_known(name, results)
        ],
        "items": [t for name in results for t in strongest_items(name, evaluation.items)],
        "facts": [benchmark_table(record), *evaluation_tables(record)],
        "limitations": list_limitations(results, verdicts=False),
    }
