"""The directory that a command writes to, and what it remembers of the command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fairforget.errors import InputError
from fairforget.records import whole_file

SETTINGS = "settings.json"


def open_output(directory: Path, settings: dict[str, Any]) -> None:
    """Make the directory ready: a new one, or one where the very same command was begun.

    Raises:
        InputError: it is a file, belongs to something else, or to a command with other settings;
            says which setting differs.
    """
    if directory.exists() and not directory.is_dir():
        raise InputError(f"--output {directory} is a file; give a directory")
    plain = json.loads(json.dumps(settings, default=str))
    path = directory / SETTINGS
    if path.exists():
        try:
            before = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise InputError(f"{path} is damaged; choose another --output") from error
        for name in sorted({*plain, *before}):
            if plain.get(name) != before.get(name):
                raise InputError(
                    f"--output {directory} holds a run with {name} {before.get(name)!r}, "
                    f"not {plain.get(name)!r}; choose another directory"
                )
    elif directory.exists() and any(directory.iterdir()):
        raise InputError(f"--output {directory} is not empty; choose a new directory")
    else:
        with whole_file(path) as file:
            file.write(json.dumps(plain, indent=1).encode() + b"\n")
