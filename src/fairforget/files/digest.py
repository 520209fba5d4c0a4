"""SHA-256 digests of values and files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import cast


def hash_values(content: Sequence[object]) -> str:
    """Return the SHA-256 digest of the `repr` of values.

    Pass numbers, strings, bytes, dataclasses and containers of these only: the `repr` of an array
    is abbreviated.
    """
    digest = hashlib.sha256()
    for part in _repr_in_parts(content, depth=2):
        digest.update(part.encode())
    return digest.hexdigest()


def _repr_in_parts(value: object, depth: int) -> Iterator[str]:
    """Yield the `repr` of a value in parts: that of millions of texts would fill the memory."""
    if not depth or type(value) not in (list, tuple):
        yield repr(value)
        return
    values = cast("Sequence[object]", value)
    yield "[" if type(value) is list else "("
    for n, item in enumerate(values):
        yield ", " if n else ""
        yield from _repr_in_parts(item, depth - 1)
    yield "]" if type(value) is list else ",)" if len(values) == 1 else ")"


def hash_packaged(package: str, names: Iterable[str]) -> str:
    """Return the SHA-256 digest of files that come with a package, given by their paths in it."""
    return hash_values([files(package).joinpath(name).read_bytes() for name in names])


def hash_file(path: Path) -> str:
    """Return the SHA-256 digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
