"""`fairforget report`: what a person looks at."""

from __future__ import annotations

from pathlib import Path


def report_command(directory: Path) -> None:
    """Make report.html of an evaluation or an unlearning run, in its directory.

    Args:
        directory: What `evaluate`, `unlearn` or `demo` wrote.
    """
    from fairforget.report import write_report

    print(f"Written: {write_report(directory)}")
