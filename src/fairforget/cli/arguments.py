"""Arguments as a user types them, rewritten for the parser."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from itertools import chain, islice, pairwise

from fairforget.cli.commands import FIRST_ARGUMENT, find_command
from fairforget.cli.flags import SETTINGS

CONFIG = "--config"
SETTINGS_FILES = (CONFIG, "--budget")
"""Flags whose value is a file with settings; the second is for a group of them."""


def expand_flags(arguments: list[str]) -> list[str]:
    """Rewrite arguments for the parser.

    `--fail-if` to `--fail_if`, `--json` to `--json true`, `verify edos` to `verify --name edos`;
    files with settings come first, because a later value replaces an earlier one.
    """
    arguments = [_replace_dashes(argument) for argument in arguments]
    path, command = find_command(arguments)
    if not callable(command):
        return arguments
    rest = arguments[len(path) :]
    if command in FIRST_ARGUMENT and rest and not rest[0].startswith("-"):
        arguments = [*path, FIRST_ARGUMENT[command], *rest]
    types = dict(command.__annotations__)
    if command in SETTINGS:
        types |= {f.name: f.type for f in fields(SETTINGS[command])}
    switches = {f"--{name}" for name, kind in types.items() if kind in (bool, "bool")}
    expanded = []
    for argument, following in pairwise([*arguments, ""]):
        expanded.append(argument)
        if argument in switches and following.lower() not in ("true", "false"):
            expanded.append("true")
    return [*path, *_move_files_first(expanded[len(path) :], types)]


def flag_values(arguments: list[str], flag: str) -> list[str]:
    """Return the values that a flag is given, in order."""
    values = []
    for argument, following in pairwise([*arguments, ""]):
        if argument == flag:
            values.append(following)
        elif argument.startswith(f"{flag}="):
            values.append(argument.partition("=")[2])
    return values


def _move_files_first(arguments: list[str], names: Iterable[str]) -> list[str]:
    """Move files with settings before all other arguments: `--config`, then `--budget`.

    Args:
        arguments: those after the words that name the command.
        names: of the command's other flags.
    """
    files: dict[str, list[str]] = {flag: [] for flag in SETTINGS_FILES}
    others = []
    rest = iter(arguments)
    for argument in rest:
        word, equals, value = argument.partition("=")
        flag = CONFIG if _abbreviates_config(word, names) else word
        if flag not in files:
            others.append(argument)
        elif equals:
            files[flag] += [f"{flag}={value}"]
        elif following := [*islice(rest, 1)]:
            files[flag] += [flag, *following]
        else:
            others.append(flag)  # its value is missing, which the parser reports
    return [*chain(*files.values()), *others]


def _abbreviates_config(word: str, names: Iterable[str]) -> bool:
    """Return whether the parser takes an argument for `--config`: it accepts a unique beginning."""
    begins = len(word) > len("--") and CONFIG.startswith(word)
    return begins and not any(f"--{name}".startswith(word) for name in names)


def _replace_dashes(argument: str) -> str:
    if not argument.startswith("--"):
        return argument
    name, equals, value = argument[2:].partition("=")
    return f"--{name.replace('-', '_')}{equals}{value}"
