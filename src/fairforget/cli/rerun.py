"""`fairforget rerun`: repeat what a record tells of, and compare."""

from __future__ import annotations

import sys
from pathlib import Path

DIFFERENT = 1
SHOWN = 12
"""Differences that are printed."""


def rerun_command(
    record: Path,
    *,
    output: Path | None = None,
    tolerance: float = 0.0,
    device: str | None = None,
    trust_record: bool = False,
    json: bool = False,
) -> None:
    """Repeat what a record.json tells of, and compare every figure; status 1 if one differs.

    Files that the record names by relative paths are looked for in the current directory.

    Args:
        record: record.json of evaluate, unlearn or demo, in its directory.
        output: Directory to write to; by default the record's own, with "-again" at its end.
        tolerance: Relative difference of a number that still counts as the same. On the same
            machine with the same versions the same bits are expected.
        device: Such as cpu, cuda or cuda:1; by default the record's.
        trust_record: Run code that the record names: of a model (trust_remote_code), or of a task
            file of lm-eval.
        json: Print the comparison as JSON, and nothing else.
    """
    from contextlib import redirect_stdout

    from pydantic import TypeAdapter

    from fairforget.cli.settings import load_command
    from fairforget.cli.tables import show_repetition
    from fairforget.comparison.rerun import RerunComparison, compare_runs, is_finished
    from fairforget.errors import InputError
    from fairforget.machine.processes import is_distributed_launch, is_first, wait_for_all

    run, made_on = load_command(record, trusted=trust_record)
    first = record.resolve().parent
    again = output or first.with_name(f"{first.name}-again")
    if is_finished(first, again):
        raise InputError(f"--output {again} has a finished run; choose a new directory")
    with redirect_stdout(sys.stderr):
        run(
            output=again,
            device=device or (made_on.partition(":")[0] if is_distributed_launch() else made_on),
        )
    wait_for_all()
    if not is_first():
        return
    found = compare_runs(first, again)
    if json:
        print(TypeAdapter(RerunComparison).dump_json(found, indent=1).decode())
    else:
        show_repetition(found, SHOWN)
        print(f"Written: {again}")
    if any(difference.relative > tolerance for difference in found.differences):
        sys.exit(DIFFERENT)
