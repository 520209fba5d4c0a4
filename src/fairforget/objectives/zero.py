"""A control without a forget loss."""

from __future__ import annotations

from torch import Tensor

from fairforget.objectives.objective import NOTHING, Objective


def zero_loss(log_probs: Tensor, targets: Tensor, reference: Tensor | None = None) -> Tensor:
    """Return 0 for each target [n], so that only the retain loss trains the model."""
    return log_probs.new_zeros(len(targets))


zero = Objective(
    NOTHING, zero_loss, "none", "no paper: a control", "trains with the retain loss alone"
)
