"""Gradient ascent on the target tokens (mask language modelling unlearning)."""

from __future__ import annotations

from torch import Tensor

from fairforget.objectives.objective import Objective, target_log_probs


def ascent_loss(log_probs: Tensor, targets: Tensor, reference: Tensor | None = None) -> Tensor:
    r"""Return the log-likelihood log p(x_i | X \ x_i) of each target [n], which training minimises.

    Lu et al. 2024 (arXiv 2407.16951), section 3. The loss is unbounded below.
    """
    return target_log_probs(log_probs, targets)


ascent = Objective(
    "ascent",
    ascent_loss,
    "none",
    "Lu et al. 2024, arXiv 2407.16951",
    "makes the target tokens less likely, by gradient ascent",
)
