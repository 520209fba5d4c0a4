"""An objective's name with constants of its own: `simnpo?beta=0.1`."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl

from fairforget.errors import InputError

CONSTANTS = ("beta", "gamma")


@dataclass(frozen=True, slots=True)
class NamedObjective:
    """What such a name says."""

    name: str
    """Of `OBJECTIVES`, or unknown."""
    constants: dict[str, float]
    """By their names, those that are not the objective's own."""


def parse_objective(text: str) -> NamedObjective:
    """Take `OBJECTIVE[?beta=NUMBER&gamma=NUMBER]` apart.

    Raises:
        InputError: what follows the question mark is no list of such constants.
    """
    name, asked, query = text.partition("?")
    if not asked:
        return NamedObjective(name, {})
    try:
        constants = {key: float(value) for key, value in parse_qsl(query, strict_parsing=True)}
    except ValueError:
        constants = {}
    if not constants or not constants.keys() <= {*CONSTANTS}:
        raise InputError(
            f"objective {text!r}: ?{query} is no list of constants, such as ?beta=0.1 or "
            "?beta=2.5&gamma=1"
        )
    return NamedObjective(name, constants)
