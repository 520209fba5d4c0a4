"""What the parser says of a mistake, in the user's words: flag, value and remedy."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from typing import Any, Literal, get_args, get_origin, get_type_hints

from fairforget.training.budget import Budget

Command = Callable[..., None]

VALUE = re.compile(r'Parser key "([\w.]+)":.*?value: (.*)')
GROUP = re.compile(r"""Parser key "([\w.]+)": Unable to load config ['"](.*?)['"] """)
TEXT = re.compile(r"Parser key \"([\w.]+)\": Expected a <class 'str'>. Got value: (.*)")
REQUIRED = re.compile(r"the following arguments are required: (.*)")
UNKNOWN_FLAG = re.compile(r"unrecognized arguments: --([\w.]+)")
UNKNOWN_SETTING = re.compile(r"Subcommand '.*' does not accept option '([\w.]+)'")
WANTED = {
    int: "give a whole number",
    float: "give a number",
    bool: "give true or false",
}


def reworded(message: str, command: Command, given: Sequence[str], config: str | None) -> str:
    """The message; as the parser gave it where it is of no known form.

    Args:
        message: the parser's, in one line.
        command: whose arguments they are.
        given: the arguments.
        config: the settings file among them.
    """
    settings = _settings(command)
    if found := GROUP.search(message):
        parts = [f"--{name}" for name in settings if name.startswith(f"{found[1]}.")]
        return f"--{found[1]} is {found[2]!r}; give its settings: {', '.join(parts)}"
    if found := TEXT.search(message):
        return f"{config}: {found[1]} is {found[2]}; give one text, with commas between several"
    if found := VALUE.search(message):
        name, value = found[1], found[2].strip()
        wanted = _wanted(settings.get(name))
        typed = any(word.split("=")[0] == f"--{name}" for word in given)
        place = f"{config}: {name}" if config and not typed else f"--{name}"
        return f"{place} is {value!r}; {wanted}" if wanted else message
    if found := REQUIRED.search(message):
        names = [name.rpartition(".")[2] for name in found[1].split(", ")]
        return f"missing: {', '.join(_written(command, name) for name in names)}"
    if found := UNKNOWN_FLAG.search(message):
        return f"there is no flag --{found[1]}{_like(found[1], settings, '--')}"
    if found := UNKNOWN_SETTING.search(message):
        return f"{config}: there is no setting {found[1]}{_like(found[1], settings)}"
    return message


def _written(command: Command, name: str) -> str:
    """How an argument of the command is written: MODEL, or --output."""
    parameter = inspect.signature(command).parameters.get(name)
    flag = parameter is not None and parameter.kind is inspect.Parameter.KEYWORD_ONLY
    return f"--{name}" if flag else name.upper()


def _settings(command: Command) -> dict[str, Any]:
    """The types of its arguments, those of the budget taken apart."""
    types = get_type_hints(command)
    types.pop("return", None)
    if types.get("budget") is Budget:
        types |= {f"budget.{name}": kind for name, kind in get_type_hints(Budget).items()}
    return types


def _wanted(kind: Any) -> str | None:
    """What a value of this type looks like."""
    if get_origin(kind) is Literal:
        return f"choose from {', '.join(map(str, get_args(kind)))}"
    if kind in WANTED:
        return WANTED[kind]
    several = [_wanted(part) for part in get_args(kind) if part is not type(None)]
    return several[0] if len(several) == 1 else None


def _like(name: str, known: dict[str, Any], dashes: str = "") -> str:
    similar = get_close_matches(name, known, n=1)
    return f"; did you mean {dashes}{similar[0]}?" if similar else ""
