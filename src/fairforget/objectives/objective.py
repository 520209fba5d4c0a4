"""What an unlearning objective is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

TokenLoss = Callable[[Tensor, Tensor, Tensor | None], Tensor]
"""(log-probabilities [n, vocabulary], target tokens [n], reference log-probabilities
[n, vocabulary] or None) → losses [n] in nats, one per target token."""


@dataclass(frozen=True, slots=True)
class Objective:
    """A loss per target token, and the distribution that it compares with."""

    name: str
    loss: TokenLoss
    reference: Literal["none", "same text", "neutral text"]
    """Where the original model's distribution is taken: nowhere, at the same place of the same
    text, or at the place that lines up with it in the text about anyone."""
    paper: str
