"""The verdict on a change, its p-value and its interval, as words and numbers of a report."""

from __future__ import annotations

from fairforget.benchmarks.measures import measure_of
from fairforget.comparison.paired import Cell
from fairforget.report.evidence import cluster_name
from fairforget.report.wording import BIAS_VERDICTS, format_p_number

_CAVEATS = {
    "interval": "undecided",
    "correction": "undecided (corrected p ≥ 0.05)",
    "flips": "undecided (most flips are in the other direction)",
}


def describe_cell(cell: Cell | None) -> str:
    """The verdict on a score of bias or of harm, with the reason if it is undecided."""
    if cell is None:
        return "no interval"
    verdict = BIAS_VERDICTS[cell.verdict]
    return describe_caveat(cell) or (
        verdict.removeprefix("bias ") if cell.lower_is_better else verdict
    )


def describe_p(cell: Cell | None) -> str:
    """The corrected p-value; an en dash if there is none, because there are too few clusters."""
    return format_p_number(cell.p_adjusted if cell and cell.caveat != "few" else None)


def shown_interval(cell: Cell | None) -> tuple[float, float] | None:
    """The interval of a change; None if nothing changed, because its width of 0 would mislead."""
    return None if cell is None or cell.is_unchanged else cell.score.ci


def describe_caveat(cell: Cell) -> str:
    """Why a change is undecided; empty if it is decided."""
    if cell.caveat == "crossing":
        return f"undecided (may have passed {measure_of(cell.measure).ideal:g})"
    if cell.caveat == "few":
        return f"undecided (too few {cluster_name(cell.benchmark)})"
    if cell.is_unchanged:
        counted = cell.main and not cell.lower_is_better
        return f"undecided (no {'preference' if counted else 'item'} changed)"
    return _CAVEATS[cell.caveat] if cell.caveat else ""
