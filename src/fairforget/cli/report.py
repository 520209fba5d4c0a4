"""`fairforget report`: write the HTML report."""

from __future__ import annotations

from pathlib import Path


def report_command(directory: Path) -> None:
    """Write report.html for an evaluation, run, comparison, study, leaderboard or durability check.

    Args:
        directory: Output directory of evaluate, unlearn, demo, transfer, leaderboard or durability;
            or a directory with comparison.json (from compare --output) or with several unlearning
            runs in runs/.
    """
    from fairforget.report import write_report

    print(f"Written: {write_report(directory)}")
