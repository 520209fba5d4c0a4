"""Read and write records as JSON; writes are atomic, and reads are validated."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import TypeVar

import pydantic
from pydantic import TypeAdapter
from pydantic_core import from_json, to_json

from fairforget.errors import InputError, first_error
from fairforget.files.atomic import write_atomically
from fairforget.records.paths import RECORD
from fairforget.redaction import redact_values
from fairforget.terminal.messages import show_message

T = TypeVar("T")
WRITERS = {
    "evaluation": "evaluate",
    "unlearning": "unlearn or demo",
    "study": "transfer",
    "leaderboard": "leaderboard",
    "durability": "durability",
}
"""Kind of record → the commands whose output directory has one."""


def record_text(record: object) -> str:
    """Return a record (a dataclass) as indented JSON, without secrets."""
    # numbers that are not finite become strings: a diverged run must stay readable
    values = redact_values(from_json(to_json(record, inf_nan_mode="strings")))
    if kind := getattr(record, "kind", None):  # no secret, and records are read by it
        values["kind"] = kind
    return to_json(values, indent=1).decode()


def write_record(record: object, path: Path) -> None:
    """Write a record, as `record_text` returns it, to a file."""
    write_atomically(path, record_text(record).encode() + b"\n")


@dataclass(frozen=True, slots=True)
class _Kind:
    kind: str


def read_kind(path: Path) -> str:
    """Return the kind of a record, such as "evaluation" or "leaderboard run".

    Raises:
        InputError: as in `read_record`.
    """
    return read_record(path, _Kind).kind


def read_record(path: Path, record_type: type[T]) -> T:
    """Read a record as the given dataclass.

    Raises:
        InputError: the file is missing, a record of another kind, or damaged; names file, field
            and error.
    """
    check_directory(path.parent)
    try:
        content = path.read_bytes()
    except OSError as error:
        missing = error.errno in (errno.ENOENT, errno.ENOTDIR)
        remedy = "; give a directory that fairforget wrote" if missing else ""
        raise InputError(f"{path} cannot be read: {error.strerror}{remedy}") from error
    try:
        return TypeAdapter(record_type).validate_json(content)
    except pydantic.ValidationError as error:
        _check_kind(path, content, record_type)
        raise InputError(
            f"{path} is not a valid record: {first_error(error)}; if another version of fairforget "
            "wrote it, repeat the command that did"
        ) from error


def check_directory(directory: Path) -> None:
    """Check that a file was not given in place of a run's directory.

    Raises:
        InputError: it was; names the directory of the file if that is a run's.
    """
    if directory.is_file():
        is_run = (directory.parent / RECORD).is_file()
        example = f", such as {directory.parent}" if is_run else ""
        raise InputError(f"{directory} is a file; give a directory that fairforget wrote{example}")


def _check_kind(path: Path, content: bytes, record_type: type[object]) -> None:
    """Check that a record that could not be read is not one of another kind.

    Raises:
        InputError: it is; says which command writes the kind that is needed.
    """
    try:
        kind = TypeAdapter(_Kind).validate_json(content).kind
    except pydantic.ValidationError:
        return
    known = fields(record_type) if is_dataclass(record_type) else ()
    needed = next((field.default for field in known if field.name == "kind"), kind)
    if needed in WRITERS and kind != needed:
        raise InputError(
            f"{path} is a record of kind {kind!r}, not {needed!r}; give the output directory of "
            f"{WRITERS[needed]}"
        )


def is_record(path: Path, record_type: type[object]) -> bool:
    """Return whether a file is a record of the given dataclass."""
    try:
        read_record(path, record_type)
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
