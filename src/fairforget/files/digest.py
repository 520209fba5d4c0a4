"""A short text that stands for a longer content."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path


def hash_values(content: Sequence[object]) -> str:
    """sha256 of what the content looks like as text.

    The same for the same content, and for no other, as long as it is made of plain values: numbers,
    texts, bytes, dataclasses and containers of these. Arrays are shown in part only.
    """
    return hashlib.sha256(repr(content).encode()).hexdigest()


def hash_file(path: Path) -> str:
    """sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
