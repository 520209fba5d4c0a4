"""Equivalence margins: the changes of bias that a study calls too small to matter."""

from __future__ import annotations

from dataclasses import dataclass

IN_NATS = ("contribution", "conditional")
"""Bias scores in nats; all others are in points."""


@dataclass(frozen=True, slots=True)
class Margins:
    """A margin for each kind of bias score, stated before the runs."""

    margin: float = 1.0
    """In points."""
    margin_nats: float = 0.01

    def of(self, measure: str) -> float:
        """The margin of a bias score, in its unit."""
        return self.margin_nats if measure in IN_NATS else self.margin
