"""Read the header of a GGUF file, and check every size in it before a library relies on it.

A header of a few bytes can declare 2^60 entries, for which a library would allocate memory.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, TypeAlias

from fairforget.errors import InputError
from fairforget.models.file_checks import ALWAYS_ALLOWED_LOOPS, Contents

MAX_ARRAY_DEPTH = 4
"""Maximum depth of nested arrays in a GGUF header."""

LAYOUTS = {
    0: "B",
    1: "b",
    2: "H",
    3: "h",
    4: "I",
    5: "i",
    6: "f",
    7: "?",
    10: "Q",
    11: "q",
    12: "d",
}
"""GGUF value type → layout as in `struct`."""
SCALARS = {kind: struct.calcsize(f"<{layout}") for kind, layout in LAYOUTS.items()}
"""GGUF value type → size in bytes."""
STRING, ARRAY = 8, 9
MAX_TEXT = 1000
"""Longest text in a GGUF header, in bytes, that is read; longer ones are skipped."""
ALIGNMENT = 32
"""Alignment of the tensors of a GGUF file whose header does not give another."""

Scalar: TypeAlias = int | float | str


@dataclass(frozen=True, slots=True)
class GGUFTensor:
    """A tensor according to the header of a GGUF file."""

    kind: int
    """Type of the numbers; 0 is float32."""
    count: int
    """Number of elements."""
    position: int
    """Position in the file, in bytes."""


@dataclass(frozen=True, slots=True)
class GGUFContents(Contents):
    """Contents of a GGUF file according to its header."""

    values: dict[str, Scalar]
    """Key → number or short text. Arrays and long texts are left out."""
    by_name: dict[str, GGUFTensor]

    @property
    def architecture(self) -> str:
        """The architecture in llama.cpp, such as "llama"; keys of its settings begin with it."""
        return str(self.values.get("general.architecture"))

    def setting(self, name: str) -> Scalar | None:
        """Return a setting of the architecture, such as "rope.freq_base"; None if there is none."""
        return self.values.get(f"{self.architecture}.{name}")


def is_gguf(path: str | Path) -> bool:
    """Return whether the name of a file says that it is a GGUF file: model.gguf, MODEL.GGUF."""
    return Path(path).suffix.lower() == ".gguf"


def check_gguf(path: Path) -> GGUFContents:
    """Check every size in the header of a GGUF file (version 2 or 3, little-endian).

    Returns:
        The contents that the header declares.

    Raises:
        InputError: not a GGUF file, or its header declares more than the file can hold.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        reader = _Reader(path, file, size)
        if reader.read(4) != b"GGUF":
            raise InputError(f"{path} is not a GGUF file; check the path")
        version = reader.read_number("<I")
        if version not in (2, 3):
            raise InputError(
                f"{path}: GGUF version {version} is not supported; convert it to version 3"
            )
        tensors, entries = reader.read_number("<Q"), reader.read_number("<Q")
        reader.require(entries, 13)
        values = _read_values(reader, entries, tensors)
        reader.require(tensors, 24)
        by_name, weights = {}, 0
        for _ in range(tensors):
            name = reader.read_text()
            dimensions = reader.read_number("<I")
            reader.require(dimensions, 8)
            count = math.prod(reader.read_number("<Q") for _ in range(dimensions))
            kind, offset = reader.read_number("<I"), reader.read_number("<Q")
            by_name[name] = GGUFTensor(kind, count, offset)
            weights += count
    if weights > 8 * size:
        raise InputError(
            f"{path}: its header declares {weights} weights in {size} bytes; download it again"
        )
    start = _align(size - reader.remaining, values, path)
    by_name = {k: replace(t, position=start + t.position) for k, t in by_name.items()}
    return GGUFContents(tensors, weights, values, by_name)


def _read_values(reader: _Reader, entries: int, tensors: int) -> dict[str, Scalar]:
    values: dict[str, Scalar] = {}
    for _ in range(entries):
        key = reader.read_text()
        value = reader.read_value(reader.read_number("<I"), 0)
        if value is None:
            continue
        values[key] = value
        if (
            key.endswith(".block_count")
            and not isinstance(value, str)
            and value > max(ALWAYS_ALLOWED_LOOPS, tensors)
        ):
            raise InputError(
                f"{reader.path}: {key} is {value}, but there are only {tensors} tensors; download "
                "it again"
            )
    return values


def _align(position: int, values: dict[str, Scalar], path: Path) -> int:
    """Return where the tensors start, after the header."""
    alignment = values.get("general.alignment", ALIGNMENT)
    if not isinstance(alignment, int) or alignment < 1:
        raise InputError(f"{path}: general.alignment is {alignment}; download it again")
    return -(-position // alignment) * alignment


@dataclass(slots=True)
class _Reader:
    """Reads a file and refuses sizes beyond its end."""

    path: Path
    file: BinaryIO
    remaining: int

    def read(self, count: int) -> bytes:
        self.require(count, 1)
        content = self.file.read(count)
        if len(content) < count:
            self._refuse()
        self.remaining -= count
        return content

    def skip(self, count: int) -> None:
        self.require(count, 1)
        self.file.seek(count, 1)
        self.remaining -= count

    def require(self, count: int, each: int) -> None:
        """Check that `count` values of at least `each` bytes can follow."""
        if count * each > self.remaining:
            self._refuse()

    def read_number(self, layout: str) -> int:
        return int(struct.unpack(layout, self.read(struct.calcsize(layout)))[0])

    def read_text(self) -> str:
        return self.read(self.read_number("<Q")).decode(errors="replace")

    def read_value(self, kind: int, depth: int) -> Scalar | None:
        """Read a number or a short text, or skip an array or a long text and return None."""
        if kind == STRING:
            length = self.read_number("<Q")
            if length <= MAX_TEXT:
                return self.read(length).decode(errors="replace")
            self.skip(length)
        elif kind in LAYOUTS:
            value: Scalar = struct.unpack(f"<{LAYOUTS[kind]}", self.read(SCALARS[kind]))[0]
            return value
        elif kind == ARRAY and depth < MAX_ARRAY_DEPTH:
            inner, count = self.read_number("<I"), self.read_number("<Q")
            if inner in SCALARS:
                self.require(count, SCALARS[inner])
                self.skip(count * SCALARS[inner])
            else:
                self.require(count, 8)
                for _ in range(count):
                    self.read_value(inner, depth + 1)
        else:
            raise InputError(f"{self.path}: unknown value type {kind}; download it again")
        return None

    def _refuse(self) -> None:
        raise InputError(f"{self.path}: truncated, or it declares a wrong size; download it again")
