"""What a command was told: what its output directory remembers, and what its record repeats."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

OF_THE_CALL = ("output", "device", "report_to", "push_to_hub", "json", "return")
"""What a command is told that is not a setting of its result."""
TASK_FILE = re.compile(r"lm-eval[^,]*\.ya?ml")
"""A task of EleutherAI's harness that a file defines, which can name code."""


def collect_settings(command: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The command's name and those of its arguments, by name, that change the result, as JSON."""
    return {"command": command} | {
        name: asdict(value) if is_dataclass(value) and not isinstance(value, type) else value
        for name, value in arguments.items()
        if name not in OF_THE_CALL
    }


def load_command(record: Path, *, trusted: bool = False) -> tuple[Callable[..., None], str]:
    """The command that made a record, with its settings, and the device that it ran on.

    A record may come from anyone: its command gets the settings of that command and no others, and
    nothing that it names is run unless it is trusted.

    Args:
        record: a record.json in the directory of its run.
        trusted: run code that the record names.

    Raises:
        InputError: it is no record of an evaluation or an unlearning run, no command made it, or
            its settings are not those of the command; when called, a setting is malformed.
    """
    import pydantic

    from fairforget.cli.evaluate import evaluate_command
    from fairforget.cli.unlearn import unlearn_command
    from fairforget.comparison.rerun import read_rerunnable
    from fairforget.errors import InputError
    from fairforget.records.paths import RECORD
    from fairforget.records.store import first_error

    if record.name != RECORD:
        raise InputError(f"{record} is no {RECORD}; give that of a run, such as {record / RECORD}")
    found = read_rerunnable(record)
    settings = dict(found.command)
    if not settings:
        raise InputError(f"{record} does not say which command made it, so it cannot be repeated")
    commands: dict[Any, Callable[..., None]] = {
        "evaluate": evaluate_command,
        "unlearn": unlearn_command,
    }
    name = settings.pop("command", None)
    if not isinstance(name, str) or name not in commands:
        raise InputError(f"{record}: the command {name!r} cannot be repeated")
    known = [one for one in commands[name].__annotations__ if one not in OF_THE_CALL]
    if unknown := [one for one in settings if one not in known]:
        raise InputError(f"{record}: command.{unknown[0]} is no setting of {name}")
    runs_code = settings.get("trust_remote_code") or TASK_FILE.search(
        str(settings.get("benchmarks"))
    )
    if runs_code and not trusted:
        raise InputError(f"{record} names code to run; if you trust it, add --trust_record")

    def run(**places: Any) -> None:
        try:
            pydantic.validate_call(commands[name])(**settings, **places)
        except pydantic.ValidationError as error:
            raise InputError(f"{record}: command.{first_error(error)}") from error

    return run, found.environment.device
