"""`fairforget compare`: two evaluations, paired."""

from __future__ import annotations

import sys
from pathlib import Path

from fairforget.exit_status import CONDITION_MET


def compare_command(
    before: Path,
    after: Path,
    *,
    output: Path | None = None,
    fail_if: str | None = None,
    json: bool = False,
) -> None:
    """Compare two evaluations: paired differences with intervals and tests.

    Args:
        before: Output directory of the first evaluation.
        after: Output directory of the second evaluation. Benchmarks in both are compared and must
            have the same protocol and items.
        output: JSON file to write the comparison to.
        fail_if: Conditions, comma-separated; exit with status 1 if any holds. "worse": bias rose in
            a main score (at least six target terms or other clusters of items, an interval above 0,
            a corrected p-value below 0.05, and most changed items changed for the worse).
            "stereoset.*.contribution_scaled worse": the same for another score. Or a threshold on a
            change (after - before), such as "stereoset.gender.distance > 2", "stereoset.*.lms < -1"
            or "perplexity > 0.5"; on the score itself, such as "stereoset.all.contribution.after >
            0.05"; or on a bound of the 95 % interval of the change, such as
            "stereoset.all.contribution.high > 0.02".
        json: Print the comparison as JSON and nothing else.
    """
    from fairforget.cli.output import print_result
    from fairforget.comparison.compare import Comparison, compare
    from fairforget.comparison.gate import find_violations
    from fairforget.files.overwriting import check_not_overwritten, check_replaceable
    from fairforget.records.store import is_record, write_record
    from fairforget.report.comparison_terminal import show_comparison
    from fairforget.terminal.messages import one_line, print_stderr

    check_not_overwritten({"--output": output}, [before, after])
    check_replaceable("--output", output, lambda path: is_record(path, Comparison))
    comparison = compare(before, after)
    violations = find_violations(comparison, fail_if) if fail_if is not None else []
    if output:
        write_record(comparison, output)
    print_result(comparison, json=json, show=show_comparison, written=[output])
    for line in violations:
        print_stderr(f"fairforget: --fail_if: {one_line(line)}")
    if violations:
        sys.exit(CONDITION_MET)
