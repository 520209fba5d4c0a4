"""Results as tables in the terminal: 80 columns, no colour where there is no terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from fairforget.records import RECORD, EvaluationRecord, UnlearningRecord, read_record

FAULTS = (
    "SS 50 is ideal, and also what a broken model scores: read it beside LMS. StereoSet has "
    "known faults (Blodgett et al. 2021)."
)


def show_evaluation(record: EvaluationRecord) -> None:
    """One table per benchmark."""
    for name, result in record.results.items():
        table = Table(title=f"{name}, protocol {result['protocol']}", title_justify="left")
        rows = {d: _cells(scores) for d, scores in result["domains"].items()}
        table.add_column("domain")
        for column in next(iter(rows.values())):
            table.add_column(column, justify="right")
        for domain, cells in rows.items():
            table.add_row(domain, *cells.values())
        _print(table)
    _print(FAULTS)


def show_unlearning(record: UnlearningRecord) -> None:
    """What was done and what it cost, in two lines."""
    method, budget = record.method, record.budget
    _print(
        f"{method['objective']} on {method['selection']} tokens of {record.corpora[0].name}, "
        f"{method['steps']} steps, {sum(record.seconds.values()):.0f} s."
    )
    _print(
        f"Held-out perplexity × {budget.reached:.4f} (budget {budget.asked:g}), "
        f"α = {budget.alpha:.3f}{', ' + budget.note if budget.note else ''}."
    )


def show_change(before: Path, after: Path) -> None:
    """Before and after, side by side."""
    old = read_record(before / RECORD, EvaluationRecord).results
    new = read_record(after / RECORD, EvaluationRecord).results
    for name in old:
        table = Table(
            title=f"{name}, protocol {old[name]['protocol']}: before → after",
            title_justify="left",
        )
        columns = [c for c in COLUMNS if c in old[name]["domains"]["all"]]
        table.add_column("domain")
        for column in columns:
            table.add_column(COLUMNS[column], justify="right")
        for domain, scores in old[name]["domains"].items():
            changed = new[name]["domains"][domain]
            table.add_row(domain, *(f"{scores[c]:.2f} → {changed[c]:.2f}" for c in columns))
        _print(table)
    _print(FAULTS)


COLUMNS = {"ss": "SS", "lms": "LMS", "icat": "ICAT", "stereotype": "stereotype %"}


def _cells(scores: dict[str, Any]) -> dict[str, str]:
    cells = {}
    for name, value in scores.items():
        if name.endswith("ci"):
            continue
        text = f"{value:.2f}" if isinstance(value, float) else str(value)
        bounds = scores.get(f"{name}_ci") or (scores.get("ci") if name == "stereotype" else None)
        if bounds:
            text += f" [{bounds[0]:.1f}, {bounds[1]:.1f}]"
        cells[COLUMNS.get(name, name)] = text
    return cells


def _print(what: object) -> None:
    Console(highlight=False, soft_wrap=False).print(what)
