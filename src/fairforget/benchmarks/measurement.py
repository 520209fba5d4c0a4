"""What a benchmark gives back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Measurement:
    """The outcome of one benchmark on one model."""

    result: dict[str, Any]
    """What goes into the record: the protocol and its settings, and scores per domain."""
    items: list[dict[str, Any]]
    """One row per scored item, with at least `benchmark`, `id`, `domain`."""
