"""Names in settings: lists are split, joined, and checked against the names that exist."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

from fairforget.errors import InputError

SMOLLM2 = "smollm2"
"""The name of a model that a package carries; a directory of this name is not looked for."""


def split_commas(text: str) -> list[str]:
    """Return the parts of a comma-separated list, stripped; empty parts are dropped."""
    return [part.strip() for part in text.split(",") if part.strip()]


def split_names(text: str, is_name: Callable[[str], bool]) -> list[str]:
    """Return the names in a comma-separated list: `dghs?round=2,3,edos` are two.

    Args:
        text: the list. A comma after a question mark separates values of an option, unless a name
            follows.
        is_name: whether a part begins a name.
    """
    names: list[str] = []
    for part in split_commas(text):
        if names and "?" in names[-1] and not is_name(part):
            names[-1] += f",{part}"
        else:
            names.append(part)
    return names


def join_commas(value: Any) -> Any:
    """Return a list of texts, numbers or paths as comma-separated text, and a path as text.

    Anything else is returned as it is.
    """
    if isinstance(value, Path):
        return str(value)
    is_list = isinstance(value, Sequence) and not isinstance(value, str)
    if is_list and all(isinstance(part, str | int | float | Path) for part in value):
        return ",".join(map(str, value))
    return value


def check_names(
    setting: str, names: Sequence[str], known: Collection[str] | None = None, *, empty: bool = False
) -> None:
    """Check a list of names that a setting gives.

    Args:
        setting: its name, for errors.
        names: the list.
        known: the names that exist; None if that is checked elsewhere.
        empty: whether the list may be empty.

    Raises:
        InputError: the list is empty, or a name is unknown or listed twice.
    """
    if not names and not empty:
        raise InputError(f"{setting} is empty; give at least one")
    if known is not None and (unknown := [name for name in names if name not in known]):
        raise InputError(f"{setting}: {unknown[0]!r} is unknown; choose from {', '.join(known)}")
    if repeated := [name for name in names if names.count(name) > 1]:
        raise InputError(f"{setting}: {repeated[0]!r} is listed twice; list each once")
