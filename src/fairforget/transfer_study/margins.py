"""Equivalence margins: the changes in bias that a study regards as too small to matter."""

from __future__ import annotations

import math
from dataclasses import dataclass

from fairforget.benchmarks.measures import measure_of
from fairforget.errors import InputError


@dataclass(frozen=True, slots=True)
class Margins:
    """A margin for each kind of bias score, stated before the runs."""

    margin: float = 1.0
    """In points."""
    margin_continuous: float = 0.05
    """In the unit of each continuous score."""

    def __post_init__(self) -> None:
        """Check both.

        Raises:
            InputError: one is not a finite number above 0.
        """
        for name in ("margin", "margin_continuous"):
            value = getattr(self, name)
            if not 0 < value < math.inf:
                raise InputError(f"{name} is {value:g}; set it to a finite number above 0")

    def of(self, measure: str) -> float:
        """The margin of a bias score, in its unit."""
        return self.margin if measure_of(measure).in_points else self.margin_continuous
