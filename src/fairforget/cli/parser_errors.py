"""The parser's error messages in the user's terms: flag, value and remedy."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from fairforget.budget import Budget
from fairforget.cli.arguments import CONFIG, SETTINGS_FILES, flag_values
from fairforget.cli.flags import SETTINGS
from fairforget.cli.settings_file import sets
from fairforget.errors import suggest

Command = Callable[..., None]

VALUE = re.compile(r'Parser key "([\w.]+)":.*?value:\s*(.*)')
GROUP = re.compile(r"""Parser key "([\w.]+)": Unable to load config ['"](.*?)['"] """)
NOT_TEXT = re.compile(
    r"Parser key \"([\w.]+)\": .*?Expected a <class 'str'>.*?(?:Got|Given) value:\s*(.*)"
)
NOT_PATH = re.compile(r'Parser key "([\w.]+)": .*?Not of type Path: .*?, not (\w+)')
NULL = re.compile(r'Parser key "([\w.]+)": is null|Unexpected config: (\w+):$')
NO_FILE = re.compile(
    r'Parser key "config": (?:File does not exist|Path is not a file)|Unexpected config:\s*$'
)
REQUIRED = re.compile(r"the following arguments are required: (.*)")
UNKNOWN_FLAG = re.compile(r"unrecognized arguments: --([\w.]+)")
UNKNOWN_SETTING = re.compile(r"Subcommand '.*' does not accept option '([\w.-]+)'")
SUFFIXES = (".yaml", ".yml", ".json")
"""Suffixes of settings files."""
QUOTE = "give a string, in quotes if it looks like a number"
REMEDIES = {
    int: "give a whole number",
    float: "give a number",
    bool: "give true or false",
}


def rephrase(message: str, command: Command, arguments: list[str]) -> str:
    """Return the message rephrased, or unchanged if its form is unknown.

    Args:
        message: the parser's message, in one line.
        command: the command that was called.
        arguments: its arguments.
    """
    settings = _flag_types(command)
    if match := GROUP.search(message):
        nested = message[match.end() :].removeprefix("- ")
        if nested.startswith(f'Parser key "{match[1]}.'):
            return rephrase(nested, command, arguments)
        settings_file = Path(match[2])
        if settings_file.suffix in SUFFIXES:
            if settings_file.is_file():
                return f"{settings_file}: {nested}"
            return f"--{match[1]} {settings_file}: no such file; check the path"
        parts = [f"--{name}" for name in settings if name.startswith(f"{match[1]}.")]
        return f"--{match[1]} is {match[2]!r}; give its settings: {', '.join(parts)}"
    if match := NO_FILE.search(message):
        configs = flag_values(arguments, CONFIG)
        config = next((name for name in configs if not Path(name).is_file()), "")
        if not config:
            return "--config is empty; give the path of a YAML file"
        if Path(config).is_dir():
            return f"--config {config} is a directory; give the path of a YAML file"
        return f"--config {config}: no such file; check the path"
    if match := NULL.search(message):
        place = _place(match[1] or match[2], "null", arguments)
        return f"{place} is null; give a value, or remove it"
    if match := NOT_TEXT.search(message):
        value = match[2].strip()
        list_or_text = "give one comma-separated string" if value.startswith("[") else QUOTE
        return f"{_place(match[1], value, arguments)} is {value}; {list_or_text}"
    if match := NOT_PATH.search(message):
        file = find_file(match[1], arguments)
        return f"{file}: {match[1]} is a value of type {match[2]}; {QUOTE}"
    if match := VALUE.search(message):
        name, value = match[1], match[2].strip()
        remedy = _remedy(settings.get(name))
        place = _place(name, value, arguments)
        return f"{place} is {value!r}; {remedy}" if remedy else message
    if match := REQUIRED.search(message):
        names = [name.rpartition(".")[2] for name in match[1].split(", ")]
        return f"missing arguments: {', '.join(_spell(command, name) for name in names)}"
    if match := UNKNOWN_FLAG.search(message):
        return f"unknown flag --{match[1]}{suggest(match[1], settings, '--')}"
    if match := UNKNOWN_SETTING.search(message):
        place = find_file(match[1], arguments) or "the command line"
        group = match[1].rpartition(".")[0]
        known = [name for name in settings if name != group]
        return f"{place}: unknown setting {match[1]}{suggest(match[1], known)}"
    return message


def find_null(command: Command, values: Mapping[str, Any]) -> str | None:
    """Return the first setting that is null and must not be, or None."""
    types = _flag_types(command)
    nulls = (name for name, kind in types.items() if name in values and values[name] is None)
    return next((name for name in nulls if type(None) not in get_args(types[name])), None)


def find_file(name: str, arguments: list[str]) -> str | None:
    """Return the settings file that sets a name, or None if there is no file.

    Files of `--budget` come before those of `--config`, and later files before earlier ones. If
    none sets the name, it is the first file of `--config`.
    """
    for flag in reversed(SETTINGS_FILES):
        of_group = "" if flag == CONFIG else f"{flag[2:]}."
        for file in reversed(flag_values(arguments, flag)):
            if name.startswith(of_group) and sets(Path(file), name.removeprefix(of_group)):
                return file
    return next(iter(flag_values(arguments, CONFIG)), None)


def _place(name: str, value: str, arguments: list[str]) -> str:
    """Return where a setting has the value: on the command line, or in a file with settings."""
    flag = f"--{name}"
    typed = f"{flag}={value}" in arguments or (flag, value) in pairwise(arguments)
    file = None if typed else find_file(name, arguments)
    return f"{file}: {name}" if file else flag


def _spell(command: Command, name: str) -> str:
    """Spell an argument as the user types it: MODEL, or --output."""
    parameter = inspect.signature(command).parameters.get(name)
    flag = parameter is not None and parameter.kind is inspect.Parameter.KEYWORD_ONLY
    return f"--{name}" if flag else name.upper()


def _flag_types(command: Command) -> dict[str, Any]:
    """Return the types of the command's flags, with one entry per field of the budget."""
    types = get_type_hints(command)
    types.pop("return", None)
    if types.pop("settings", None):
        types |= get_type_hints(SETTINGS[command])
    if types.get("budget") is Budget:
        types |= {f"budget.{name}": kind for name, kind in get_type_hints(Budget).items()}
    return types


def _remedy(kind: Any) -> str | None:
    """Return the remedy for a value that is not of this type."""
    if get_origin(kind) is Literal:
        return f"choose from {', '.join(map(str, get_args(kind)))}"
    if kind in REMEDIES:
        return REMEDIES[kind]
    several = [_remedy(part) for part in get_args(kind) if part is not type(None)]
    return several[0] if len(several) == 1 else None
