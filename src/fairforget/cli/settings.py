"""What a command was told: what its output directory remembers, and what its record repeats."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, is_dataclass
from typing import Any


def settings_of(
    command: str, arguments: Mapping[str, Any], *, aside: Collection[str]
) -> dict[str, Any]:
    """The command's name and its arguments as JSON has them.

    Args:
        command: its name.
        arguments: by name.
        aside: those that say where and how to show it, and change no result.
    """
    return {"command": command} | {
        name: asdict(value) if is_dataclass(value) and not isinstance(value, type) else value
        for name, value in arguments.items()
        if name not in aside
    }
