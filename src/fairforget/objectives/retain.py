"""Retain losses: they keep the model's predictions on the retain corpus."""

from __future__ import annotations

from torch import Tensor

from fairforget.objectives.counterfactual import kl_loss
from fairforget.objectives.objective import Objective, target_log_probs

FACT_WEIGHT = 0.2
"""Weight of the loss on facts. Without this loss, facts about groups become less likely, even
retained ones: few of a fact's tokens depend on its subject, so the KL divergence hardly protects
these tokens."""
FACT_SLACK = 0.01
"""Nats by which an answer may fall before the loss on facts acts. Without it, rounding would decide
about the gradient wherever the model still equals the reference model, as at the first step."""
FACT_CONSTANTS = (FACT_WEIGHT, FACT_SLACK)
"""Constants of the loss on facts, which a run's result depends on."""


def nll_loss(log_probs: Tensor, targets: Tensor, reference: Tensor | None = None) -> Tensor:
    """Return −log p(x_i | x_<i) of each token [n]: the language modelling loss."""
    return -target_log_probs(log_probs, targets)


def fact_loss(log_probs: Tensor, targets: Tensor, reference: Tensor) -> Tensor:
    """Return w · max(0, log p_ref(x_i | x_<i) − log p(x_i | x_<i) − s) of each token [n], in nats.

    For the answers of retained facts, which must not become less likely. w is `FACT_WEIGHT`, s is
    `FACT_SLACK`.
    """
    fall = target_log_probs(reference, targets) - target_log_probs(log_probs, targets)
    return FACT_WEIGHT * (fall - FACT_SLACK).clamp(min=0)


kl = Objective(
    "kl",
    kl_loss,
    "text",
    "Yao et al. 2023, arXiv 2310.10683, equation 7",
    has_target_distribution=True,
)
"""KL(p_ref ‖ p) in nats at each token of the retain corpus."""
nll = Objective("nll", nll_loss, "none", "Maini et al. 2024, arXiv 2401.06121, section 3")
