"""The report page of a comparison."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fairforget.comparison.compare import Comparison
from fairforget.records.paths import COMPARISON
from fairforget.records.records import ModelFacts
from fairforget.records.store import read_record
from fairforget.report.before_after import from_comparison
from fairforget.report.evidence import list_evidence, list_limitations
from fairforget.report.harmful_words import change_sections
from fairforget.report.headline import change_headline
from fairforget.report.other_benchmarks import cells_table
from fairforget.report.results import benchmark_section, cost_table, perplexity_note
from fairforget.report.tables import Column, Table
from fairforget.report.wording import format_count

TEMPLATE = "comparison.html.j2"


def read(directory: Path) -> Comparison:
    """The comparison in a directory."""
    return read_record(directory / COMPARISON, Comparison)


def context(comparison: Comparison) -> dict[str, Any]:
    """The variables of the template."""
    changes = from_comparison(comparison)
    note = perplexity_note(changes)
    harm = {cell.benchmark for cell in changes.harm}
    others = dict.fromkeys(c.benchmark for c in changes.others if c.benchmark not in harm)
    return {
        "before": comparison.before.source,
        "after": comparison.after.source,
        "headline": change_headline(changes, []),
        "benchmarks": [
            *(benchmark_section(name, changes, note) for name in changes.benchmarks),
            *change_sections(changes.harm),
        ],
        "generic": [cells_table(name, changes.others) for name in others],
        "cost": cost_table(changes),
        "evidence": [*list_evidence(changes, []), *changes.notes],
        "limitations": list_limitations((cell.benchmark for cell in comparison.cells), "changes"),
        "facts": [models_table(comparison.before, comparison.after)],
    }


def models_table(before: ModelFacts, after: ModelFacts) -> Table:
    """The two models."""
    models = before, after
    values: dict[str, list[str]] = {"Model": [model.source for model in models]}
    if before.server:
        values["Server"] = [model.server for model in models]
    else:
        values["Parameters"] = [format_count(model.parameters or 0) for model in models]
        values["Data type"] = [model.dtype for model in models]
        values["Start token"] = [model.start_token for model in models]
    return Table(
        caption="The models",
        columns=[Column("Property"), Column("Before"), Column("After")],
        rows=[[name, *both] for name, both in values.items()],
    )
