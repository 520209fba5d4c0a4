"""The report page of one evaluation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fairforget.records.evaluation import Evaluation, read_evaluation
from fairforget.report.evidence import list_limitations
from fairforget.report.facts import benchmark_table, generic_table, versions_table
from fairforget.report.figures import score_plot
from fairforget.report.headline import evaluation_headline
from fairforget.report.items import strongest_items
from fairforget.report.results import score_table
from fairforget.report.scores import domain_scores, is_known, perplexities
from fairforget.report.wording import anchor, benchmark_name

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
            {
                "title": benchmark_name(name),
                "plots": [
                    score_plot(
                        anchor("plot", name),
                        f"{benchmark_name(name)}: stereotype score by domain, with 95 % intervals",
                        [],
                        scores,
                    )
                ],
                "table": score_table(name, scores, perplexities(results)),
            }
            for name in results
            if (scores := domain_scores(name, results))
        ],
        "generic": [
            generic_table(name, None, result)
            for name, result in results.items()
            if not is_known(name, results)
        ],
        "items": [t for name in results for t in strongest_items(name, evaluation.items)],
        "limitations": list_limitations(results, verdicts=False),
        "facts": [
            benchmark_table(record),
            versions_table(record.model, record.environment, record.seconds),
        ],
    }
