"""Lists as they are typed: `stereoset,crows_pairs`."""

from __future__ import annotations


def listed(text: str) -> list[str]:
    """The parts between commas, without blanks around them; empty ones are left out."""
    return [part.strip() for part in text.split(",") if part.strip()]
