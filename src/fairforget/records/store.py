"""Records as JSON: written whole or not at all, checked when they are read."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pydantic
from pydantic import TypeAdapter
from pydantic_core import to_json

from fairforget.errors import InputError
from fairforget.files.atomic import atomic_write
from fairforget.redaction import redact

T = TypeVar("T")


def write_record(record: object, path: Path) -> None:
    """Write a record, a dataclass, as indented JSON."""
    # a number that is not finite becomes a string: a diverged run must be readable, too
    content = to_json(record, indent=1, inf_nan_mode="strings").decode()
    with atomic_write(path) as file:
        file.write(redact(content).encode() + b"\n")


@dataclass(frozen=True, slots=True)
class _Kind:
    kind: str


def read_kind(path: Path) -> str:
    """What a record is of: "evaluation", "unlearning", "study", "comparison".

    Raises:
        InputError: as `read_record`.
    """
    return read_record(path, _Kind).kind


def read_record(path: Path, kind: type[T]) -> T:
    """Read a record of the given kind.

    Raises:
        InputError: there is none, or it is not such a record; names file, field and fault.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        remedy = "; give a directory that fairforget wrote" if error.errno == errno.ENOENT else ""
        raise InputError(f"{path} cannot be read: {error.strerror}{remedy}") from error
    try:
        return TypeAdapter(kind).validate_json(content)
    except pydantic.ValidationError as error:
        raise InputError(f"{path} is not such a record: {first_error(error)}") from error


def first_error(error: pydantic.ValidationError) -> str:
    """The first field that is wrong, and how: "budget.asked: Input should be a valid number"."""
    fault = error.errors()[0]
    return f"{'.'.join(map(str, fault['loc'])) or 'the whole'}: {fault['msg']}"
