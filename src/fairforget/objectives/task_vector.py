"""Task vector negation: learn the harm, then go the other way."""

from __future__ import annotations

from fairforget.objectives.objective import Objective
from fairforget.objectives.retain import nll_loss

task_vector = Objective(
    "task-vector",
    nll_loss,
    "none",
    "Ilharco et al. 2023, arXiv 2212.04089, section 3",
    negated=True,
)
"""Fine-tuned on the target tokens to θ, the result is θ₀ − α(θ − θ₀): whatever else θ was taught is
unlearned, too."""
