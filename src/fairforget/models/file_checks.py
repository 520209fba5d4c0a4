"""Look at a model's files before a library believes the sizes that they claim.

A header of a few bytes can claim 2^60 entries, and a configuration a million layers; libraries
allocate or loop accordingly. What is claimed is compared with what the files hold.
"""

from __future__ import annotations

import json
import math
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from fairforget.errors import InputError

LOOPED = re.compile(r"(layers?|blocks?|experts|num_labels|attention_types)$")
"""Numbers of a configuration for which something is built one by one before any weight is read."""
FEW = 1000
"""What is always believed of them."""
SLACK = 16
"""Weights that a configuration may describe for each number in the files: some are packed eight to
a number, and tied ones are stored once …"""
SMALL = 1 << 20
"""… and what it may always describe."""
DEEPEST_ARRAY = 4
LONGEST_HEADER = 100_000_000
"""Bytes of a safetensors header, as the format has it."""

SCALARS = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
"""GGUF's type of a value → its bytes."""
INTEGERS = (0, 1, 2, 3, 4, 5, 10, 11)
STRING, ARRAY = 8, 9


@dataclass(frozen=True, slots=True)
class Contents:
    """What a model's weight files hold."""

    tensors: int
    weights: int
    """Numbers in all tensors together."""


def safetensors_contents(directory: Path) -> Contents | None:
    """What the safetensors files of a directory hold; None where there are none.

    Raises:
        InputError: a header is damaged, or the index names a file outside the directory.
    """
    tensors = weights = 0
    files = sorted(directory.glob("*.safetensors"))
    index = directory / "model.safetensors.index.json"
    if index.is_file():
        shards = _object(index).get("weight_map")
        names = set(shards.values()) if isinstance(shards, dict) else {None}
        if strange := [name for name in names if name not in {path.name for path in files}]:
            raise InputError(f"{index}: {strange[0]!r} is no file beside it; download it again")
    for path in files:
        header = _safetensors_header(path)
        header.pop("__metadata__", None)
        for name, facts in header.items():
            shape = facts.get("shape") if isinstance(facts, dict) else None
            if not isinstance(shape, list) or not all(isinstance(n, int) and n >= 0 for n in shape):
                raise InputError(f"{path}: its header gives {name!r} no shape; download it again")
            tensors += 1
            weights += math.prod(shape)
        size = path.stat().st_size
        if weights > 8 * sum(other.stat().st_size for other in files):
            raise InputError(
                f"{path}: its header claims {weights} weights, and it has {size} bytes; "
                "download it again"
            )
    return Contents(tensors, weights) if files else None


def _safetensors_header(path: Path) -> dict[str, Any]:
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        length = int.from_bytes(start, "little")
        if len(start) < 8 or length > min(size - 8, LONGEST_HEADER):
            raise InputError(f"{path}: its header is cut off or damaged; download it again")
        try:
            header = json.loads(file.read(length))
            if not isinstance(header, dict):
                raise ValueError(type(header).__name__)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{path}: its header is damaged; download it again") from error
    return header


def check_configuration(path: Path, contents: Contents) -> None:
    """Check the numbers of a `config.json` for which a library builds things one by one.

    Raises:
        InputError: it is no JSON object, or such a number is larger than the weights justify.
    """
    for name, value in _numbers(_object(path)):
        if LOOPED.search(name) and value > max(FEW, contents.tensors):
            raise InputError(
                f"{path}: {name} is {value}, and the weights are {contents.tensors} tensors"
            )


def _object(path: Path) -> dict[str, Any]:
    try:
        whole = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not JSON; download it again") from error
    if not isinstance(whole, dict):
        raise InputError(f"{path}: an object is expected; download it again")
    return whole


def check_size(described: int, contents: Contents, name: str) -> None:
    """Compare the weights that a configuration describes with those in the files.

    Raises:
        InputError: the configuration describes far more.
    """
    if described > max(SMALL, SLACK * contents.weights):
        raise InputError(
            f"model {name!r}: its configuration describes {described} weights, its files hold "
            f"{contents.weights}; they do not belong together"
        )


def _numbers(value: Any, name: str = "") -> Iterator[tuple[str, float]]:
    """Every number, with the name that it, or the list that it is in, has."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _numbers(part, key)
    elif isinstance(value, list):
        for part in value:
            yield from _numbers(part, name)
    elif isinstance(value, int | float):
        yield name, value


def check_gguf(path: Path) -> Contents:
    """Walk through the header of a GGUF file (version 2 or 3, little-endian) and check every size.

    Raises:
        InputError: it is no GGUF file, or claims more than it holds; says where.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        walk = _Walk(path, file, size)
        if walk.take(4) != b"GGUF":
            raise InputError(f"{path} is no GGUF file")
        version = walk.number("<I")
        if version not in (2, 3):
            raise InputError(f"{path}: GGUF version {version} is not supported; convert it anew")
        tensors, entries = walk.number("<Q"), walk.number("<Q")
        walk.claim(entries, 13)
        for _ in range(entries):
            key = walk.take(walk.number("<Q"))
            value = walk.value(walk.number("<I"), 0)
            if key.endswith(b".block_count") and value > max(FEW, tensors):
                raise InputError(f"{path}: {value} layers, and the weights are {tensors} tensors")
        walk.claim(tensors, 24)
        weights = 0
        for _ in range(tensors):
            walk.text()
            dimensions = walk.number("<I")
            walk.claim(dimensions, 8)
            weights += math.prod(walk.number("<Q") for _ in range(dimensions))
            walk.take(12)  # type and offset
    if weights > 8 * size:
        raise InputError(f"{path}: its header claims {weights} weights in {size} bytes")
    return Contents(tensors, weights)


@dataclass(slots=True)
class _Walk:
    """A place in a file of known size."""

    path: Path
    file: BinaryIO
    left: int

    def take(self, count: int) -> bytes:
        self.claim(count, 1)
        content = self.file.read(count)
        if len(content) < count:
            self._refuse()
        self.left -= count
        return content

    def skip(self, count: int) -> None:
        self.claim(count, 1)
        self.file.seek(count, 1)
        self.left -= count

    def claim(self, count: int, each: int) -> None:
        """Check that so many things of at least so many bytes can follow."""
        if count * each > self.left:
            self._refuse()

    def number(self, layout: str) -> int:
        return int(struct.unpack(layout, self.take(struct.calcsize(layout)))[0])

    def text(self) -> None:
        self.skip(self.number("<Q"))

    def value(self, kind: int, depth: int) -> int:
        """Pass over a value; returns an integer's, else 0."""
        if kind == STRING:
            self.text()
        elif kind in SCALARS:
            content = self.take(SCALARS[kind])
            return int.from_bytes(content, "little") if kind in INTEGERS else 0
        elif kind == ARRAY and depth < DEEPEST_ARRAY:
            inner, count = self.number("<I"), self.number("<Q")
            if inner in SCALARS:
                self.claim(count, SCALARS[inner])
                self.skip(count * SCALARS[inner])
            else:
                self.claim(count, 8)
                for _ in range(count):
                    self.value(inner, depth + 1)
        else:
            raise InputError(f"{self.path}: a value of unknown type {kind}; download it again")
        return 0

    def _refuse(self) -> None:
        raise InputError(f"{self.path}: cut off, or a size in it is damaged; download it again")
