"""Lists as they are typed: `stereoset,crows_pairs`."""

from __future__ import annotations

from fairforget.errors import InputError


def split_commas(text: str) -> list[str]:
    """The parts between commas, without blanks around them; empty ones are left out."""
    return [part.strip() for part in text.split(",") if part.strip()]


def split_required(text: str, flag: str, example: str) -> list[str]:
    """The same, of a list that must not be empty.

    Raises:
        InputError: it is.
    """
    found = split_commas(text)
    if not found:
        raise InputError(f"--{flag} names nothing; give at least one, such as {example}")
    return found
