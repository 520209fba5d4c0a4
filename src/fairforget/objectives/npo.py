"""Negative preference optimisation: ascent that slows down where a token is unlikely already."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import softplus

from fairforget.objectives.objective import Objective, target_log_probs

NPO_BETA = 0.1
"""β of NPO, as in the paper: towards 0 the gradient becomes that of plain ascent."""
SIMNPO_BETA, SIMNPO_GAMMA = 2.5, 0.0
"""β and reward margin γ of SimNPO, as in the paper's experiments."""


def npo_loss(
    log_probs: Tensor, targets: Tensor, reference: Tensor | None = None, *, beta: float = NPO_BETA
) -> Tensor:
    """−2/β · log σ(−β · (log p(x_i) − log p_original(x_i))), per target token.

    Zhang et al. 2024 (arXiv 2404.05868), equation 3, there per sequence; here each target token
    is what shall become less likely. Its gradient is ascent's times 2σ(β · log-ratio).
    """
    assert reference is not None
    ratio = target_log_probs(log_probs, targets) - target_log_probs(reference, targets)
    return 2 / beta * softplus(beta * ratio)


def simnpo_loss(
    log_probs: Tensor,
    targets: Tensor,
    reference: Tensor | None = None,
    *,
    beta: float = SIMNPO_BETA,
    gamma: float = SIMNPO_GAMMA,
) -> Tensor:
    """−2/β · log σ(−β · log p(x_i) − γ), per target token: NPO without a reference.

    Fan et al. 2024 (arXiv 2410.07163), equation 4; of one token, the normalised length is 1. Its
    gradient is ascent's times 2σ(β · log p + γ), which is 1 where log p is −γ/β.
    """
    score = beta * target_log_probs(log_probs, targets) + gamma
    return 2 / beta * softplus(score)


npo = Objective("npo", npo_loss, "text", "Zhang et al. 2024, arXiv 2404.05868", beta=NPO_BETA)
simnpo = Objective(
    "simnpo",
    simnpo_loss,
    "none",
    "Fan et al. 2024, arXiv 2410.07163",
    beta=SIMNPO_BETA,
    gamma=SIMNPO_GAMMA,
)
