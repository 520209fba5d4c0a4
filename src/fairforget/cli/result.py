"""Print the result of a debiasing run."""

from __future__ import annotations

from fairforget.debiasing.result import DebiasResult
from fairforget.records.paths import MODEL, RECORD, REPORT
from fairforget.records.store import record_text
from fairforget.report.terminal import show_comparison, show_unlearning


def show_result(result: DebiasResult, *, json: bool = False) -> None:
    """Print the record and the comparison: as JSON and nothing else, or as tables."""
    comparison = result.comparison
    if json:
        content = {"record": result.record} | ({"comparison": comparison} if comparison else {})
        print(record_text(content))
        return
    show_unlearning(result.record)
    if comparison:
        show_comparison(comparison)
    output = result.output_dir
    if output:
        written = [output / MODEL, output / RECORD, *([output / REPORT] if comparison else [])]
        print(f"Written: {', '.join(map(str, written))}")
    if not comparison:
        print("The effect on bias was not measured; add --benchmarks, such as stereoset.")
