"""`Budget`: how much language-modelling utility unlearning may lose."""

from __future__ import annotations

import math
from dataclasses import dataclass

from fairforget.errors import InputError


@dataclass(frozen=True)
class Budget:
    """Bounds on the utility loss, and on the extrapolation of the weights.

    Args:
        perplexity: Maximum perplexity ratio, after ÷ before, on held-out retain text.
        everyday_perplexity: Maximum perplexity ratio, after ÷ before, on everyday sentences, where
            the loss can be larger than on encyclopaedic text.
        max_alpha: Maximum interpolation factor α. Above 1 the weights are extrapolated past the
            trained ones, as far as the budget allows.

    Raises:
        InputError: a ratio is below 1, or max_alpha is outside 1 to 5.
    """

    perplexity: float = 1.01
    everyday_perplexity: float = 1.01
    max_alpha: float = 2.0

    def __post_init__(self) -> None:
        for name in ("perplexity", "everyday_perplexity"):
            if not _number(getattr(self, name)) >= 1:
                raise InputError(
                    f"budget.{name} is {getattr(self, name)}; it must be at least 1 (a ratio, "
                    "after ÷ before)"
                )
        if not 1 <= _number(self.max_alpha) <= 5:
            raise InputError(f"budget.max_alpha is {self.max_alpha}; it must be between 1 and 5")


def _number(value: object) -> float:
    """Return the value as a float; NaN if it is not a number, as in a configuration file."""
    return float(value) if isinstance(value, int | float) else math.nan


STUDY_BUDGET = Budget(1.03, 1.10, max_alpha=2.0)
"""The budget of a study's runs: large enough to show what unlearning does."""
