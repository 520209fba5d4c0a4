"""How much harm to language modelling unlearning may do."""

from __future__ import annotations

from dataclasses import dataclass

from fairforget.errors import InputError


@dataclass(frozen=True)
class Budget:
    """What unlearning may cost.

    Args:
        perplexity: Held-out perplexity after ÷ before, at most.

    Raises:
        InputError: a ratio below 1.
    """

    perplexity: float = 1.02

    def __post_init__(self) -> None:
        if not self.perplexity >= 1:
            raise InputError(
                f"budget.perplexity is {self.perplexity}; it is a ratio, after ÷ before, "
                "and must be at least 1"
            )
