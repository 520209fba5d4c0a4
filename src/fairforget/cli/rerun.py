"""`fairforget rerun`: repeat the command of a record and compare the results."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import fields
from pathlib import Path
from typing import Any

from fairforget.cli.evaluate import evaluate_command
from fairforget.cli.flags import SETTINGS
from fairforget.cli.unlearn import unlearn_command
from fairforget.errors import InputError
from fairforget.exit_status import DIFFERENT
from fairforget.settings_merging import NOT_RECORDED

COMMANDS: dict[str, Callable[..., None]] = {
    "evaluate": evaluate_command,
    "unlearn": unlearn_command,
}
TASK_FILE = re.compile(r"lm-eval.*\.ya?ml", re.DOTALL)
"""An lm-eval task defined in a file, which can name code."""


def rerun_command(
    record: Path,
    *,
    output: Path | None = None,
    tolerance: float = 0.0,
    device: str | None = None,
    trust_record: bool = False,
    json: bool = False,
) -> None:
    """Repeat the command of a record.json and compare every value; exit status 1 if one differs.

    Relative paths in the record are resolved against the current directory.

    Args:
        record: record.json in the output directory of evaluate, unlearn or demo.
        output: Output directory. Default: the record's, with "-again" appended.
        tolerance: Largest relative difference at which two numbers count as equal. On the same
            machine with the same versions, results are bitwise equal; those of a served model
            repeat only if its server honours seeds.
        device: Device such as cpu, cuda or cuda:1. Default: the record's.
        trust_record: Run code that the record refers to (trust_remote_code or an lm-eval task
            file), and send requests and OPENAI_API_KEY to the server that it names.
        json: Print the comparison as JSON and nothing else.
    """
    if not 0 <= tolerance < math.inf:
        raise InputError(
            f"--tolerance is {tolerance}; it must be finite and at least 0, such as 1e-6"
        )

    from fairforget.cli.output import print_result
    from fairforget.comparison.rerun import compare_runs, is_finished
    from fairforget.comparison.rerun_table import show_rerun
    from fairforget.machine.processes import is_distributed_launch, is_first, wait_for_all

    run, original_device = load_command(record, trusted=trust_record)
    first = record.resolve().parent
    again = output or first.with_name(f"{first.name}-again")
    if is_finished(first, again):
        raise InputError(f"--output {again} has a finished run; choose a new directory")
    if is_distributed_launch():
        original_device = original_device.partition(":")[0]
    with redirect_stdout(sys.stderr):
        run(output=again, device=device or original_device or None)
    wait_for_all()
    if not is_first():
        return
    comparison = compare_runs(first, again)
    print_result(comparison, json=json, show=show_rerun, written=[again])
    if any(difference.relative > tolerance for difference in comparison.differences):
        sys.exit(DIFFERENT)


def load_command(record: Path, *, trusted: bool = False) -> tuple[Callable[..., None], str]:
    """Return the command that made a record, bound to its settings, and the device it ran on.

    The device is "" for a served model. A record may come from anyone: only settings of the
    command are accepted, and code that it names runs, and a server that it names is contacted, only
    if the record is trusted.

    Args:
        record: a record.json in the directory of its run.
        trusted: whether to run code and contact servers that the record names.

    Raises:
        InputError: the file is not the record of an evaluation or an unlearning run, no command
            made it, or a setting is unknown or malformed.
    """
    import pydantic

    from fairforget.comparison.rerun import read_rerunnable
    from fairforget.errors import first_error
    from fairforget.records.paths import RECORD

    if record.name != RECORD:
        raise InputError(
            f"{record} is not a {RECORD}; give the file in the run's directory, such as "
            f"{record / RECORD}"
        )
    content = read_rerunnable(record)
    recorded = dict(content.command)
    if not recorded:
        raise InputError(f"{record} does not name the command that made it; it cannot be repeated")
    name = recorded.pop("command", None)
    if not isinstance(name, str) or name not in COMMANDS:
        raise InputError(
            f"{record}: command {name!r} cannot be repeated; give a record of evaluate or unlearn"
        )
    command = COMMANDS[name]
    known = {"model", *(f.name for f in fields(SETTINGS[command]))} - {*NOT_RECORDED}
    if unknown := [key for key in recorded if key not in known]:
        raise InputError(f"{record}: command.{unknown[0]} is not a setting of {name}; remove it")
    runs_code = recorded.get("trust_remote_code") or TASK_FILE.search(
        str(recorded.get("benchmarks"))
    )
    if runs_code and not trusted:
        raise InputError(f"{record} names code to run; if you trust it, add --trust_record")
    if recorded.get("server") and not trusted:
        raise InputError(
            f"{record} names a server, which would receive prompts and OPENAI_API_KEY; if you "
            "trust it, add --trust_record"
        )
    model = recorded.pop("model", None)
    if not isinstance(model, str):
        raise InputError(f"{record}: command.model is {model!r}; it must be a string")
    if isinstance(budget := recorded.get("budget"), dict):  # older runs had no such bounds
        recorded["budget"] = {"movement": None, "harmful_log_prob": None} | budget
    try:
        settings: Any = pydantic.TypeAdapter(SETTINGS[command]).validate_python(recorded)
    except pydantic.ValidationError as error:
        raise InputError(f"{record}: command.{first_error(error)}") from error

    def run(**options: Any) -> None:
        command(model, **{**vars(settings), **options})

    return run, "" if recorded.get("server") else content.environment.device
