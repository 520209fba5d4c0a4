"""`fairforget compare`: before against after."""

from __future__ import annotations

import sys
from pathlib import Path

CONDITION_MET = 1


def compare_command(
    before: Path,
    after: Path,
    *,
    output: Path | None = None,
    fail_if: str = "",
    json: bool = False,
    seed: int | None = None,
) -> None:
    """Compare two evaluations: paired differences with intervals and exact tests.

    Args:
        before: Directory of an evaluation.
        after: Directory of another, of the same benchmarks, protocols and items.
        output: JSON file to write.
        fail_if: Exit with status 1 if this holds: worse (a bias score is farther from no bias, and
            the interval of that change lies above 0), or a change, after - before, such as
            "stereoset.gender.distance > 2", "stereoset.*.lms < -1" or "perplexity > 0.5"; several,
            separated by commas.
        json: Print JSON, and nothing else.
        seed: Of the bootstrap intervals; by default that of the evaluation before.
    """
    from pydantic import TypeAdapter

    from fairforget.comparison.compare import Comparison
    from fairforget.comparison.compare import compare as run
    from fairforget.comparison.gate import find_violations
    from fairforget.files.atomic import atomic_write
    from fairforget.report.wording import one_line

    comparison = run(before, after, seed=seed)
    met = find_violations(comparison, fail_if) if fail_if else []
    content = TypeAdapter(Comparison).dump_json(comparison, indent=1)
    if output:
        with atomic_write(output) as file:
            file.write(content + b"\n")
    if json:
        print(content.decode())
    else:
        from fairforget.cli.tables import show_comparison

        show_comparison(comparison)
        if output:
            print(f"Written: {output}")
    for line in met:
        print(f"fairforget: --fail-if: {one_line(line)}", file=sys.stderr)
    if met:
        sys.exit(CONDITION_MET)
