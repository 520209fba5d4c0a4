"""SHA-256 digests of values and files."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path


def hash_values(content: Sequence[object]) -> str:
    """Return the SHA-256 digest of the `repr` of values.

    Pass numbers, strings, bytes, dataclasses and containers of these only: the `repr` of an array
    is abbreviated.
    """
    return hashlib.sha256(repr(content).encode()).hexdigest()


def hash_file(path: Path) -> str:
    """Return the SHA-256 digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
