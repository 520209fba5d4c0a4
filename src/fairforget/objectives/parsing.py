"""An objective's name with constants: `simnpo?beta=0.1`."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl

from fairforget.errors import InputError
from fairforget.objectives.objective import CONSTANTS


@dataclass(frozen=True, slots=True)
class NamedObjective:
    """The parts of an objective's name with constants."""

    name: str
    """A name in `OBJECTIVES`, or an unknown one."""
    beta: float | None = None
    gamma: float | None = None


def parse_objective(text: str) -> NamedObjective:
    """Parse `OBJECTIVE[?beta=NUMBER&gamma=NUMBER]`.

    Raises:
        InputError: what follows the question mark is not a list of such constants.
    """
    name, separator, query = text.partition("?")
    if not separator:
        return NamedObjective(name)
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True)
        constants = {key: float(value) for key, value in pairs}
    except ValueError:
        pairs, constants = [], {}
    if not constants or len(constants) < len(pairs) or not constants.keys() <= {*CONSTANTS}:
        raise InputError(
            f"objective {text!r}: ?{query} is not a list of constants, such as ?beta=0.1 or "
            "?beta=2.5&gamma=1"
        )
    return NamedObjective(name, **constants)
