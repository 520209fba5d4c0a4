"""Task vector negation: fine-tune on the harmful tokens, then subtract the update."""

from __future__ import annotations

from fairforget.objectives.objective import Objective
from fairforget.objectives.retain import nll_loss

task_vector = Objective(
    "task-vector",
    nll_loss,
    "none",
    "Ilharco et al. 2023, arXiv 2212.04089, section 3",
    "fine-tunes on the target tokens, then subtracts the update",
    negated=True,
)
"""After fine-tuning to θ, the result is θ₀ − α(θ − θ₀). Everything else that fine-tuning taught is
subtracted too."""
