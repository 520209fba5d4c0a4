"""`Budget`: limits on the side effects of unlearning."""

from __future__ import annotations

import math
from dataclasses import dataclass

from fairforget.errors import InputError

HARM_TOLERANCE = 0.01
"""Nats by which harmful words may exceed the allowed rise: a change of 1 % in probability."""


@dataclass(frozen=True)
class Budget:
    """Limits on utility loss and other side effects, and on the extrapolation of the weights.

    Args:
        perplexity: Maximum perplexity ratio, after ÷ before, on held-out retain text.
        everyday_perplexity: Maximum perplexity ratio, after ÷ before, on everyday sentences, where
            the utility loss can be larger than on encyclopaedic text.
        max_alpha: Maximum interpolation factor α (0: original weights, 1: trained weights). Above
            1, the weights are extrapolated, as far as the other limits allow.
        movement: Maximum mean KL divergence from the original model, in nats per token, on held-out
            retain text and on everyday sentences separately; null for no limit. A change that
            lowers perplexity counts too.
        harmful_log_prob: Maximum rise in the mean log-probability of harmful words after group
            mentions, in nats per token, on texts that no run trains on; null for no limit. If the
            rise is larger, α is lowered; α is never raised to reach this limit.

    Raises:
        InputError: a ratio is below 1, max_alpha is outside 1 to 5, movement is not positive, or
            harmful_log_prob is negative.
    """

    perplexity: float = 1.01
    everyday_perplexity: float = 1.01
    max_alpha: float = 2.5
    movement: float | None = 0.02
    harmful_log_prob: float | None = 0.0

    def __post_init__(self) -> None:
        for name in ("perplexity", "everyday_perplexity"):
            if not _number(getattr(self, name)) >= 1:
                raise InputError(
                    f"budget.{name} is {getattr(self, name)}; it must be at least 1 (a ratio, "
                    "after ÷ before)"
                )
        if not 1 <= _number(self.max_alpha) <= 5:
            raise InputError(f"budget.max_alpha is {self.max_alpha}; it must be between 1 and 5")
        if self.movement is not None and not _number(self.movement) > 0:
            raise InputError(
                f"budget.movement is {self.movement}; it must be more than 0 (nats per token), or "
                "null"
            )
        if self.harmful_log_prob is not None and not _number(self.harmful_log_prob) >= 0:
            raise InputError(
                f"budget.harmful_log_prob is {self.harmful_log_prob}; it must be at least 0 (nats "
                "per token), or null"
            )


def _number(value: object) -> float:
    """Return the value as a float; NaN if it is not a number, as in a configuration file."""
    return float(value) if isinstance(value, int | float) else math.nan


STUDY_BUDGET = Budget(1.03, 1.10, max_alpha=2.0, movement=None, harmful_log_prob=None)
"""The budget of a study's runs: large enough to show what unlearning does, and to show the harm
that an objective or a control does."""
LEADERBOARD_BUDGET = Budget(harmful_log_prob=None)
"""The budget of a leaderboard: what an update may cost. Harm is not limited, so that it shows what
each method does."""
