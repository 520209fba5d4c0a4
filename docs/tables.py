"""Markdown tables for the results pages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean, stdev

from fairforget.report.wording import format_number


def format_mean(values: Sequence[float], digits: int) -> str:
    """Mean of the values, with their standard deviation if there are several."""
    deviation = f" ± {stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{format_number(fmean(values), digits)}{deviation}"


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of a pipe table, followed by an empty line."""
    first, *others = (f"| {' | '.join(cells)} |" for cells in (header, *rows))
    return [first, f"|{'---|' * len(header)}", *others, ""]
