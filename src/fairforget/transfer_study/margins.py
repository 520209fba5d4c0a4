"""Equivalence margins: the changes of bias that a study regards as too small to matter."""

from __future__ import annotations

from dataclasses import dataclass

UNITS = {"contribution_scaled": "deviations", "conditional": "nats"}
"""Continuous bias score → its unit; all others are in points."""


@dataclass(frozen=True, slots=True)
class Margins:
    """A margin for each kind of bias score, stated before the runs."""

    margin: float = 1.0
    """In points."""
    margin_continuous: float = 0.05
    """In the unit of each continuous score."""

    def of(self, measure: str) -> float:
        """The margin of a bias score, in its unit."""
        return self.margin_continuous if measure in UNITS else self.margin
