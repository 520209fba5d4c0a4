"""The result of `fairforget rerun` in the terminal."""

from __future__ import annotations

from fairforget.comparison.rerun import RerunComparison
from fairforget.terminal.messages import one_line

SHOWN = 12
"""Number of differences in results to print."""


def show_rerun(rerun: RerunComparison) -> None:
    """Print the first differences in results, and all differences in the environment."""
    for change in rerun.environment:
        print(f"{change.where}: {change.before!r} before, {change.after!r} now")
    for difference in rerun.differences[:SHOWN]:
        print(
            f"{one_line(difference.where)}: {difference.before!r} before, {difference.after!r} now"
        )
    count = len(rerun.differences)
    if count > SHOWN:
        print(f"… and {count - SHOWN} more")
    if not count:
        print(f"All {rerun.figures:,} values are bitwise equal.")
        return
    largest = max(difference.relative for difference in rerun.differences)
    total = f"{rerun.figures:,} values"
    print(f"{count:,} of {total} differ; maximum relative difference: {largest:.2g}")
