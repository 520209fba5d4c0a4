"""`fairforget report`: what a person looks at."""

from __future__ import annotations

from pathlib import Path


def report_command(directory: Path) -> None:
    """Make report.html of an evaluation, an unlearning run, a comparison or a study, beside it.

    Args:
        directory: What `evaluate`, `unlearn`, `demo` or `transfer` wrote; or with comparison.json
            of `compare --output`; or with several unlearning runs in its folder runs.
    """
    from fairforget.report import write_report

    print(f"Written: {write_report(directory)}")
