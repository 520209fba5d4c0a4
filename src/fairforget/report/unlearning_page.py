"""What the report of an unlearning run shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fairforget.corpora.domains import target_domains
from fairforget.corpora.reading import parse_name
from fairforget.records.records import CorpusFacts
from fairforget.report.before_after import BeforeAfter, before_after
from fairforget.report.contents import Unlearning
from fairforget.report.evidence import run_evidence
from fairforget.report.facts import (
    benchmark_table,
    budget_table,
    generic_tables,
    unlearning_tables,
)
from fairforget.report.figures import change_plot, curves, score_plot
from fairforget.report.headline import Headline, change_headline
from fairforget.report.items import changed_items
from fairforget.report.limitations import list_limitations
from fairforget.report.results import change_table, cost_table, perplexity_note
from fairforget.report.tables import Column, Table
from fairforget.report.wording import NONE, anchor, benchmark_name, format_number, strip_markup

ROWS = 100
"""Of the training table; longer histories are thinned evenly."""


def context(run: Unlearning) -> dict[str, Any]:
    """The variables of `unlearning.html.j2`."""
    record = run.record
    trained = trained_domains(record.corpora)
    shared = {
        "model": record.model.source,
        "method": strip_markup(record.method.get("objective", "unlearning")),
        "trained": trained,
        "curves": curves(record.history),
        "history": history_table(record.history),
        "budget": budget_table(record.budget),
        "samples": run.samples,
    }
    if run.before is None or run.after is None:
        return {
            **shared,
            "limitations": [],
            "headline": _unmeasured(record.budget.reached),
            "benchmarks": [],
            "cost": None,
            "evidence": [],
            "generic": [],
            "items": [],
            "facts": unlearning_tables(record),
        }
    comparison = before_after(run.before, run.after)
    note = perplexity_note(comparison, record.budget.reached)
    results = run.before.record.results, run.after.record.results
    return {
        **shared,
        "headline": change_headline(comparison, trained, record.budget.reached),
        "benchmarks": [section(name, comparison, note) for name in comparison.benchmarks],
        "cost": cost_table(comparison),
        "evidence": run_evidence(comparison, record, trained),
        "generic": generic_tables(*results),
        "limitations": list_limitations({**results[0], **results[1]}, verdicts=True),
        "items": [
            table
            for name in comparison.benchmarks
            for table in changed_items(name, run.before.items, run.after.items)
        ],
        "facts": [benchmark_table(run.after.record), *unlearning_tables(record)],
    }


def trained_domains(corpora: Sequence[CorpusFacts]) -> list[str]:
    """Domains of the forget corpora: `builtin:gender`, or that of a group, `dghs:women`."""
    found: dict[str, None] = {}
    for corpus in corpora:
        if corpus.role == "forget":
            asked = corpus.domain or parse_name(corpus.name).part or ""
            for part in filter(None, map(str.strip, asked.split(","))):
                found.update(dict.fromkeys(sorted(target_domains(part, ())) or [part]))
    return list(found)


def section(name: str, comparison: BeforeAfter, note: str) -> dict[str, Any]:
    """The plots and the table of one benchmark, before and after."""
    changes = comparison.benchmarks[name]
    title = benchmark_name(name)
    plots = [
        score_plot(
            anchor("plot", name),
            f"{title}: stereotype score per domain before and after"
            + (", with 95 % intervals" if any(c.after.ci for c in changes) else ""),
            [c.before for c in changes],
            [c.after for c in changes],
        ),
        change_plot(
            anchor("plot", name, "change"),
            f"{title}: how much it changed, on the same items, with 95 % intervals",
            changes,
        ),
    ]
    return {
        "name": name,
        "title": title,
        "plots": [plot for plot in plots if plot],
        "table": change_table(name, changes, note),
    }


def _unmeasured(reached: float) -> Headline:
    return Headline(
        "Trained, but not measured",
        [
            "No evaluation before and after lies beside this run, so nothing is known about its "
            f"bias. Perplexity on held-out text is {format_number(reached, 3)} × the original’s."
        ],
    )


def history_table(history: list[dict[str, float]]) -> Table | None:
    """The logged steps, thinned to a length that a person reads."""
    if not history:
        return None
    names = ["step", *(n for n in dict.fromkeys(n for row in history for n in row) if n != "step")]
    stride = -(-len(history) // ROWS)
    kept = [row for i, row in enumerate(history) if i % stride == 0 or i == len(history) - 1]
    return Table(
        caption="Training, step by step",
        columns=[Column(name.replace("_", " "), numeric=True) for name in names],
        rows=[
            [f"{row[n]:.5g}".replace("-", "−") if n in row else NONE for n in names] for row in kept
        ],
        note="" if stride == 1 else f"One logged step in {stride} of {len(history)}.",
    )
