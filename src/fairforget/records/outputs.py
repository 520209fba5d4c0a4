"""Output directories: one command, one set of settings and one process at a time."""

from __future__ import annotations

import errno
import json
from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from fairforget.errors import InputError
from fairforget.files.atomic import TEMPORARY, remove_leftovers, write_atomically
from fairforget.files.overwriting import check_directory
from fairforget.names import SMOLLM2, split_commas
from fairforget.records.paths import CHECKPOINTS, LOCK, RUN_MARK, SETTINGS
from fairforget.redaction import redact_values

CONTENT = "content of "
"""Prefix of the settings that hold the fingerprint of an input."""
READ_ONLY_ERRORS = (errno.EROFS, errno.EACCES, errno.EPERM)

_locks: dict[Path, FileLock] = {}
"""Locked directories of this process."""
_created: set[Path] = set()
"""Those of them that this process created."""


def open_output(directory: Path, settings: dict[str, Any], *, lists: Collection[str] = ()) -> None:
    """Create an output directory, or open that of the same command, and lock it.

    The lock lasts until `release_output`, which removes an output without any result, or until the
    process ends. Temporary files of processes that died are removed.

    Args:
        directory: the output directory.
        settings: all that must stay the same between calls.
        lists: names of those settings that are comma-separated lists: spaces in them do not count.

    Raises:
        InputError: it is a file, holds something else or a run with other settings or inputs (says
            which; an input that no longer exists is not compared), or is locked by another process.
    """
    check_output(directory)
    saved_settings = redact_values(json.loads(json.dumps(settings, default=str)))
    path = directory / SETTINGS
    if path.exists():
        _check_settings(path, saved_settings, lists)
    is_new = not directory.exists()
    directory.mkdir(parents=True, exist_ok=True)
    try:
        _lock(directory)
        if is_new:
            _created.add(directory.resolve())
    except OSError as error:
        if path.exists() and error.errno in READ_ONLY_ERRORS:
            return  # a finished run on a read-only disk can still be read
        raise
    remove_leftovers(directory)
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    if saved_settings.keys() - known.keys():  # a new directory, or further inputs
        text = json.dumps(saved_settings | known, indent=1) + "\n"
        write_atomically(path, text.encode())


def release_output(directory: Path) -> None:
    """Unlock an output directory, for other processes; does nothing if it is not locked.

    The output of a command that failed before it had any result is removed: it would keep the next
    command, with corrected settings, from using the name.
    """
    path = directory.resolve()
    if lock := _locks.pop(path, None):
        with suppress(OSError):  # the disk fails, or somebody has written there meanwhile
            _remove_without_result(path, is_new=path in _created)
        _created.discard(path)
        lock.release()


def _remove_without_result(directory: Path, *, is_new: bool) -> None:
    """Remove settings, locks, marks and empty directories, if there is nothing else.

    The directory itself is removed if this process created it.
    """
    own = [directory / SETTINGS, directory / LOCK, directory / CHECKPOINTS / RUN_MARK]
    entries = sorted(directory.rglob("*"), reverse=True)  # a directory after what it holds
    directories = [path for path in entries if path.is_dir() and not path.is_symlink()]
    if {*entries} - {*own, *directories}:
        return
    for path in entries:
        path.rmdir() if path in directories else path.unlink()
    if is_new:
        directory.rmdir()


def check_output(directory: Path, models: Iterable[str] = ()) -> None:
    """Check an output directory before anything is loaded, for any settings.

    Args:
        directory: the output directory.
        models: names of the models that the command loads.

    Raises:
        InputError: it or one of its parents is a file, it holds something other than a run, or a
            model's name would be that of a directory once it exists.
        OSError: it cannot be created.
    """
    check_no_model_hidden(directory, models)
    if directory.exists() and not directory.is_dir():
        raise InputError(f"--output {directory} is a file; give a directory")
    if not directory.exists():
        check_directory("--output", directory)
        return
    if (directory / SETTINGS).exists():
        return
    if any(not _is_own(entry) for entry in directory.iterdir()):
        raise InputError(f"--output {directory} is not empty; choose a new directory")


def check_no_model_hidden(path: Path, models: Iterable[str]) -> None:
    """Check that writing a file or directory would create no directory with a model's name.

    Raises:
        InputError: it would.
    """
    for model in models:
        if model == SMOLLM2:
            continue
        place = Path(model).resolve()
        if path.resolve().is_relative_to(place) and not place.exists():
            raise InputError(
                f"--output {path} would create a local directory {model!r}, which would then "
                "be loaded instead of the model of that name; choose another --output"
            )


def _check_settings(path: Path, settings: dict[str, Any], lists: Collection[str]) -> None:
    """Compare the settings of a run with those in its directory."""
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is damaged; choose another --output") from error
    if not isinstance(before, dict):
        raise InputError(f"{path} is damaged; choose another --output")
    # the command first: the settings of another one differ in any case
    for name in sorted({*settings, *before}, key=lambda name: (name != "command", name)):
        values = settings.get(name), before.get(name)
        if values[0] == values[1] or (name in lists and _are_same_lists(*values)):
            continue
        if name.startswith(CONTENT):
            if name in settings and name in before:
                again = "load the original again, or " if name == f"{CONTENT}model" else ""
                raise InputError(
                    f"{name.removeprefix(CONTENT)} has changed since the run in --output "
                    f"{path.parent} started; {again}choose another --output"
                )
        else:
            raise InputError(
                f"--output {path.parent} contains a run with {name} {values[1]!r}, "
                f"not {values[0]!r}; choose another --output"
            )


def _are_same_lists(one: object, other: object) -> bool:
    """Return whether two texts are the same comma-separated list."""
    if not isinstance(one, str) or not isinstance(other, str):
        return False
    return split_commas(one) == split_commas(other)


def _is_own(entry: Path) -> bool:
    """Return whether a process that died before writing its settings left this entry."""
    match = TEMPORARY.fullmatch(entry.name)
    return entry.name == LOCK or bool(match and match["of"] == SETTINGS)


def _lock(directory: Path) -> None:
    """Lock the directory; the system frees the lock when the process ends."""
    path = directory.resolve()
    if path in _locks and (path / LOCK).exists():
        return
    lock = FileLock(path / LOCK)
    try:
        lock.acquire(blocking=False)
    except Timeout as error:
        raise InputError(
            f"--output {directory} is in use by another process; wait until it ends, "
            "or choose another --output"
        ) from error
    _locks[path] = lock
