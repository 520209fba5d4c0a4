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
    json: bool = False,
) -> None:
    """Repeat what a record.json tells of, and compare every figure; status 1 if one differs.

    Args:
        record: record.json of evaluate, unlearn or demo.
        output: Directory to write to; by default the record's own, with "-again" at its end.
        tolerance: Relative difference of a number that still counts as the same. On the same
            machine with the same versions the same bits are expected.
        device: Such as cpu, cuda or cuda:1; by default an accelerator if there is one.
        json: Print the comparison as JSON, and nothing else.
    """
    from contextlib import redirect_stdout

    from pydantic import TypeAdapter, ValidationError, validate_call

    from fairforget.cli.evaluate import evaluate_command
    from fairforget.cli.unlearn import unlearn_command
    from fairforget.console import show_repetition
    from fairforget.errors import InputError
    from fairforget.rerun import Repetition, command_of, repetition

    settings = command_of(record)
    commands = {"evaluate": evaluate_command, "unlearn": unlearn_command}
    name = settings.pop("command", None)
    if name not in commands:
        raise InputError(f"{record}: the command {name!r} cannot be repeated")
    first = record.parent
    again = output or first.with_name(f"{first.resolve().name}-again")
    try:
        with redirect_stdout(sys.stderr):
            validate_call(commands[name])(**settings, output=again, device=device)
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(map(str, fault["loc"]))
        raise InputError(f"{record}: command.{where}: {fault['msg']}") from error
    found = repetition(first, again)
    if json:
        print(TypeAdapter(Repetition).dump_json(found, indent=1).decode())
    else:
        show_repetition(found, SHOWN)
        print(f"Written: {again}")
    if any(difference.relative > tolerance for difference in found.differences):
        sys.exit(DIFFERENT)
