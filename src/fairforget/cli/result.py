"""Print the result of a debiasing run."""

from __future__ import annotations

from pathlib import Path

from fairforget.cli.output import print_result
from fairforget.debiasing.result import DebiasResult
from fairforget.records.paths import MODEL, RECORD, REPORT
from fairforget.report.comparison_terminal import show_comparison
from fairforget.report.terminal import show_unlearning


def show_result(result: DebiasResult, output: Path, *, json: bool = False) -> None:
    """Print the record and the comparison: as JSON and nothing else, or as tables."""
    comparison = result.comparison
    written = [MODEL, RECORD, REPORT] if comparison else [MODEL, RECORD]

    def show(_: object) -> None:
        show_unlearning(result.record)
        if comparison:
            show_comparison(comparison)
        else:
            print("The effect on bias was not measured; add --benchmarks, such as stereoset.")

    print_result(
        {"record": result.record} | ({"comparison": comparison} if comparison else {}),
        json=json,
        show=show,
        written=[output / name for name in written],
    )
