"""Check the sizes that a model's files declare, before a library relies on them.

A GGUF header of a few bytes can declare 2^60 entries, and a configuration a million layers. The
libraries would allocate memory or loop accordingly, so the sizes are compared with the contents of
the files. safetensors checks its own headers.
"""

from __future__ import annotations

import json
import math
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import torch
from safetensors import SafetensorError, safe_open
from transformers import PretrainedConfig

from fairforget.errors import InputError

LOOPED = re.compile(r"(layers?|blocks?|experts|num_labels|attention_types)$")
"""Names of settings that transformers loops over before it reads any weight."""
ALWAYS_ALLOWED_LOOPS = 1000
"""Largest value of these settings that is accepted for any file."""
WEIGHTS_PER_NUMBER = 16
"""Weights that a configuration may describe per number in the files: eight can be packed into one
number, and tied weights are stored once."""
ALWAYS_ALLOWED_WEIGHTS = 1 << 20
"""Number of weights that a configuration may describe for any file."""
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
class Contents:
    """Contents of a model's weight files."""

    tensors: int
    weights: int
    """Total number of elements of the tensors."""


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


def safetensors_contents(directory: Path) -> Contents | None:
    """Return the contents of the safetensors files of a directory, or None if there are none.

    Raises:
        InputError: a header is damaged, or the index names a file outside the directory.
    """
    paths = sorted(directory.glob("*.safetensors"))
    index = directory / "model.safetensors.index.json"
    if index.is_file():
        shards = _read_object(index).get("weight_map")
        names = set(shards.values()) if isinstance(shards, dict) else {None}
        if missing := [name for name in names if name not in {path.name for path in paths}]:
            raise InputError(f"{index}: {missing[0]!r} is not in its directory; download it again")
    tensors = weights = 0
    for path in paths:
        try:
            with safe_open(path, framework="pt") as file:  # compares its header with its size
                for name in file.keys():  # noqa: SIM118
                    tensors += 1
                    weights += math.prod(file.get_slice(name).get_shape())
        except SafetensorError as error:
            raise InputError(f"{path}: damaged ({error}); download it again") from error
    return Contents(tensors, weights) if paths else None


def check_configuration(path: Path, contents: Contents) -> None:
    """Check the settings of a `config.json` that transformers loops over.

    Raises:
        InputError: it is not a JSON object, or such a setting is larger than the number of tensors
            allows.
    """
    for name, value in _iter_numbers(_read_object(path)):
        if LOOPED.search(name) and value > max(ALWAYS_ALLOWED_LOOPS, contents.tensors):
            raise InputError(
                f"{path}: {name} is {value}, but there are only {contents.tensors} tensors; "
                "download it again"
            )


def _read_object(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not JSON; download it again") from error
    if not isinstance(value, dict):
        raise InputError(f"{path}: expected an object; download it again")
    return value


def check_size(
    loader: Any,
    config: PretrainedConfig,
    contents: Contents,
    name: str,
    *,
    trust_remote_code: bool = False,
) -> None:
    """Compare the number of weights that a configuration describes with that in the files.

    Args:
        loader: transformers' auto class for the model.
        config: the configuration; no weights are allocated for it.
        contents: of the weight files.
        name: of the model, for the message.
        trust_remote_code: as in `load_model`.

    Raises:
        InputError: the configuration describes far more weights.
    """
    with torch.device("meta"):
        skeleton = loader.from_config(config, trust_remote_code=trust_remote_code)
    described = sum(p.numel() for p in skeleton.parameters())
    if described > max(ALWAYS_ALLOWED_WEIGHTS, WEIGHTS_PER_NUMBER * contents.weights):
        raise InputError(
            f"model {name!r}: its configuration describes {described} weights, but its files hold "
            f"{contents.weights}; use the configuration that matches these weights"
        )


def _iter_numbers(value: Any, name: str = "") -> Iterator[tuple[str, float]]:
    """Yield every number with its key, or with that of the list around it."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _iter_numbers(part, key)
    elif isinstance(value, list):
        for part in value:
            yield from _iter_numbers(part, name)
    elif isinstance(value, int | float):
        yield name, value


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
