"""Read and write records as JSON; writes are atomic, and reads are validated."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pydantic
from pydantic import TypeAdapter
from pydantic_core import to_json

from fairforget.errors import InputError, first_error
from fairforget.files.atomic import atomic_write
from fairforget.records.paths import RECORD
from fairforget.redaction import redact
from fairforget.terminal.messages import show_message

T = TypeVar("T")


def record_text(record: object) -> str:
    """Return a record (a dataclass) as indented JSON, without secrets."""
    # numbers that are not finite become strings: a diverged run must stay readable
    return redact(to_json(record, indent=1, inf_nan_mode="strings").decode())


def write_record(record: object, path: Path) -> None:
    """Write a record, as `record_text` returns it, to a file."""
    with atomic_write(path) as file:
        file.write(record_text(record).encode() + b"\n")


@dataclass(frozen=True, slots=True)
class _Kind:
    kind: str


def read_kind(path: Path) -> str:
    """Return the kind of a record, such as "evaluation" or "leaderboard run".

    Raises:
        InputError: as in `read_record`.
    """
    return read_record(path, _Kind).kind


def read_record(path: Path, kind: type[T]) -> T:
    """Read a record as the given dataclass.

    Raises:
        InputError: the file is missing or not such a record; names file, field and error.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        missing = error.errno in (errno.ENOENT, errno.ENOTDIR)
        remedy = "; give a directory that fairforget wrote" if missing else ""
        raise InputError(f"{path} cannot be read: {error.strerror}{remedy}") from error
    try:
        return TypeAdapter(kind).validate_json(content)
    except pydantic.ValidationError as error:
        raise InputError(
            f"{path} is not a valid record: {first_error(error)}; if another version of fairforget "
            "wrote it, repeat the command that did"
        ) from error


def is_record(path: Path, kind: type[object]) -> bool:
    """Return whether a file is a record of a kind."""
    try:
        read_record(path, kind)
    except InputError:
        return False
    return True


def read_finished(
    directory: Path, read: Callable[[Path], T], *, remedy: str | None = "repeating the run"
) -> T | None:
    """Read a result if it is finished; a damaged one is reported and counts as unfinished.

    Args:
        directory: of the result, with a record if it is finished.
        read: returns the result in a directory; raises `InputError` if it is damaged.
        remedy: what happens to a damaged one, for the message; without it, there is none.
    """
    if not (directory / RECORD).exists():
        return None
    try:
        return read(directory)
    except InputError as error:
        if remedy:
            show_message(f"{error}; {remedy}")
        return None
