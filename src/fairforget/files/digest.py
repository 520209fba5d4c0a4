"""SHA-256 digests of values and files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from importlib.resources import files
from pathlib import Path


def hash_values(content: Sequence[object]) -> str:
    """Return the SHA-256 digest of the `repr` of values.

    Pass numbers, strings, bytes, dataclasses and containers of these only: the `repr` of an array
    is abbreviated.
    """
    return hashlib.sha256(repr(content).encode()).hexdigest()


def hash_packaged(package: str, names: Iterable[str]) -> str:
    """Return the SHA-256 digest of files that come with a package, given by their paths in it."""
    return hash_values([files(package).joinpath(name).read_bytes() for name in names])


def hash_file(path: Path) -> str:
    """Return the SHA-256 digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
