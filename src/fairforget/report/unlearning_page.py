"""The report page of an unlearning run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fairforget.records.trained_domains import trained_domains
from fairforget.report.before_after import before_after
from fairforget.report.contents import UnlearningRun, read_unlearning
from fairforget.report.curves import curves, logged_name
from fairforget.report.evidence import (
    is_within_budget,
    list_choices,
    list_limitations,
    list_run_evidence,
)
from fairforget.report.facts import (
    benchmark_table,
    bounds_tables,
    budget_table,
    unlearning_tables,
)
from fairforget.report.harmful_words import change_sections, changed_texts
from fairforget.report.headline import Headline
from fairforget.report.items import changed_items
from fairforget.report.other_benchmarks import other_tables
from fairforget.report.results import benchmark_section, cost_table, perplexity_note
from fairforget.report.run_headline import run_headline
from fairforget.report.tables import Column, Table
from fairforget.report.wording import NONE, format_number, format_value
from fairforget.report.written import changed_continuations

TEMPLATE = "unlearning.html.j2"
MAX_STEPS = 100
"""Rows of the training table; a longer history is thinned evenly."""


def read(directory: Path) -> UnlearningRun:
    """The unlearning run in a directory."""
    return read_unlearning(directory)


def context(run: UnlearningRun) -> dict[str, Any]:
    """The variables of the template."""
    record = run.record
    trained = trained_domains(record)
    shared = {
        "model": record.model.source,
        "method": format_value(record.method.get("objective", "unlearning")),
        "trained": trained,
        "curves": curves(record.history),
        "history": history_table(record.history),
        "budget": budget_table(record.budget),
        "within_budget": is_within_budget(record.budget),
        "bounds": bounds_tables(record.budget),
        "continuations": run.continuations,
    }
    if run.before is None or run.after is None:
        return {
            **shared,
            "limitations": [],
            "headline": _unmeasured_headline(record.budget.reached),
            "benchmarks": [],
            "cost": None,
            "evidence": [],
            "generic": [],
            "items": [],
            "facts": unlearning_tables(record),
        }
    changes = before_after(run.before, run.after)
    note = perplexity_note(changes, record.budget.reached_ratios)
    results = run.before.record.results, run.after.record.results
    harm = list(dict.fromkeys(cell.benchmark for cell in changes.harm))
    return {
        **shared,
        "headline": run_headline(record, changes, trained),
        "benchmarks": [
            *(benchmark_section(name, changes, note) for name in changes.benchmarks),
            *change_sections(changes.harm),
        ],
        "cost": cost_table(changes),
        "evidence": list_run_evidence(changes, record, trained),
        "generic": other_tables(*results, changes.others, shown=harm),
        "limitations": [
            *list_choices(record.method.get("objective"), {**results[0], **results[1]}),
            *list_limitations({**results[0], **results[1]}, "changes"),
        ],
        "items": [
            table
            for name in changes.benchmarks
            for table in changed_items(name, run.before.items, run.after.items)
        ]
        + [
            table
            for name in harm
            for table in changed_texts(name, run.before.items, run.after.items)
        ]
        + [
            table
            for name in dict.fromkeys(cell.benchmark for cell in changes.others)
            for table in changed_continuations(name, run.before.items, run.after.items)
        ],
        "facts": [benchmark_table(run.after.record), *unlearning_tables(record)],
    }


def history_table(history: list[dict[str, float]]) -> Table | None:
    """The logged steps, at most about `MAX_STEPS` of them; None if nothing was logged."""
    if not history:
        return None
    by_step: dict[float | None, dict[str, float]] = {}
    for row in history:
        by_step.setdefault(row.get("step"), {}).update(row)
    history = list(by_step.values())
    names = ["step", *(n for n in dict.fromkeys(n for row in history for n in row) if n != "step")]
    stride = -(-len(history) // MAX_STEPS)
    rows = [row for i, row in enumerate(history) if i % stride == 0 or i == len(history) - 1]
    return Table(
        caption="Training, step by step",
        columns=[Column(logged_name(name), numeric=True) for name in names],
        rows=[
            [f"{row[n]:.5g}".replace("-", "−") if n in row else NONE for n in names] for row in rows
        ],
        note="" if stride == 1 else f"One in {stride} of the {len(history)} logged steps.",
    )


def _unmeasured_headline(ratio: float) -> Headline:
    return Headline(
        "Not fully evaluated",
        [
            "The evaluation before or after training is missing from this directory, so the effect "
            "on bias is unknown. For a run of a study, see the report of the study. "
            f"Perplexity on held-out retain text is {format_number(ratio, 3)} × the original’s."
        ],
    )
