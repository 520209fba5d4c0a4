"""Markdown tables for the results pages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean, stdev

from fairforget.report.wording import format_bounds, format_number, format_signed


def format_estimate(
    value: float, ci: Sequence[float], digits: int = 1, *, signed: bool = True
) -> str:
    """A value with its interval: "−0.4 [−1.0, 0.2]"; `signed`: "+0.4" for a change."""
    number = format_signed if signed else format_number
    low, high = format_bounds(ci, digits)
    return f"{number(value, digits)} [{low}, {high}]"


def format_mean(values: Sequence[float], digits: int) -> str:
    """Mean of the values, with their standard deviation if there are several."""
    deviation = f" ± {stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{format_number(fmean(values), digits)}{deviation}"


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of a pipe table, followed by an empty line."""
    lines = [header, ["---"] * len(header), *rows]
    return [*(f"| {' | '.join(cells)} |" for cells in lines), ""]
