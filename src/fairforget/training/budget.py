"""How much harm to language modelling unlearning may do."""

from __future__ import annotations

import math
from dataclasses import dataclass

from fairforget.errors import InputError


@dataclass(frozen=True)
class Budget:
    """What unlearning may cost, and how far it may go for it.

    Args:
        perplexity: Perplexity on held-out retain text, after ÷ before, at most.
        everyday_perplexity: The same on everyday sentences, whose damage encyclopaedic text does not show.
        max_alpha: The result may lie up to so many times as far from the original weights as
            training went, where the budget is not used up there; 1 stops where training stopped.

    Raises:
        InputError: a ratio below 1, or a reach outside 1 to 5.
    """

    perplexity: float = 1.01
    everyday_perplexity: float = 1.01
    max_alpha: float = 2.0

    def __post_init__(self) -> None:
        for name in ("perplexity", "everyday_perplexity"):
            if not _number(getattr(self, name)) >= 1:
                raise InputError(
                    f"budget.{name} is {getattr(self, name)}; it is a ratio, after ÷ before, "
                    "and must be at least 1"
                )
        if not 1 <= _number(self.max_alpha) <= 5:
            raise InputError(f"budget.max_alpha is {self.max_alpha}; it must be between 1 and 5")


def _number(value: object) -> float:
    """The value, NaN where it is no number: a configuration file may leave it out."""
    return float(value) if isinstance(value, int | float) else math.nan


STUDY_BUDGET = Budget(1.03, 1.10, max_alpha=2.0)
"""What the runs of a study may cost: enough to see what unlearning does."""
