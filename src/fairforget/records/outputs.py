"""The directory that a command writes to: whose it is, and what it remembers of the command."""

from __future__ import annotations

import errno
import json
import shutil
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from fairforget.errors import InputError
from fairforget.files.atomic import TEMPORARY, atomic_write, remove_temporary
from fairforget.records.inputs import CONTENT
from fairforget.records.paths import LOCK, SETTINGS
from fairforget.redaction import redact

READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)

_held: dict[Path, FileLock] = {}


def open_output(directory: Path, settings: dict[str, Any]) -> None:
    """Make the directory ready: a new one, or one where the very same command was begun.

    It belongs to this process until the process ends, however it ends. What a process that died
    left half-written is removed.

    Raises:
        InputError: it is a file, belongs to something else, to a command with other settings or
            inputs (says which differs; an input that is gone is not asked for), or to a process
            that is running.
    """
    check_output(directory)
    plain = json.loads(redact(json.dumps(settings, default=str)))
    path = directory / SETTINGS
    if path.exists():
        _check_same(path, plain)
    directory.mkdir(parents=True, exist_ok=True)
    try:
        _hold(directory)
    except OSError as error:
        if path.exists() and error.errno in READ_ONLY:
            return  # a finished run on a read-only disk can be shown
        raise
    for aside in directory.rglob(".*"):
        if TEMPORARY.fullmatch(aside.name):
            shutil.rmtree(aside) if aside.is_dir() else remove_temporary(aside)
    if not path.exists():
        with atomic_write(path) as file:
            file.write(json.dumps(plain, indent=1).encode() + b"\n")


def check_output(directory: Path) -> None:
    """Tell what `open_output` would refuse for any settings, before anything is loaded.

    Raises:
        InputError: it is a file, or belongs to something else.
    """
    if directory.exists() and not directory.is_dir():
        raise InputError(f"--output {directory} is a file; give a directory")
    if not directory.exists() or (directory / SETTINGS).exists():
        return
    if any(not _ours(entry) for entry in directory.iterdir()):
        raise InputError(f"--output {directory} is not empty; choose a new directory")


def _check_same(path: Path, plain: dict[str, Any]) -> None:
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is damaged; choose another --output") from error
    if not isinstance(before, dict):
        raise InputError(f"{path} is damaged; choose another --output")
    for name in sorted({*plain, *before}):
        if plain.get(name) == before.get(name):
            continue
        if name.startswith(CONTENT):
            if name in plain and name in before:
                raise InputError(
                    f"{name.removeprefix(CONTENT)} is not what it was when the run in --output "
                    f"{path.parent} was begun; choose another directory"
                )
        else:
            raise InputError(
                f"--output {path.parent} holds a run with {name} {before.get(name)!r}, "
                f"not {plain.get(name)!r}; choose another directory"
            )


def _ours(entry: Path) -> bool:
    """Whether a process that died before it wrote its settings left this."""
    aside = TEMPORARY.fullmatch(entry.name)
    return entry.name == LOCK or bool(aside and aside["of"] == SETTINGS)


def _hold(directory: Path) -> None:
    """Lock the directory; the system frees the lock when the process ends."""
    place = directory.resolve()
    if place in _held and (place / LOCK).exists():
        return
    lock = FileLock(place / LOCK)
    try:
        lock.acquire(blocking=False)
    except Timeout as error:
        raise InputError(
            f"--output {directory} is in use by another process; wait until it ends, "
            "or choose another directory"
        ) from error
    _held[place] = lock
