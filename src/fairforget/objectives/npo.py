"""Negative preference optimization (NPO): ascent that slows down once a token is unlikely."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import softplus

from fairforget.objectives.objective import Objective, target_log_probs

NPO_BETA = 0.1
"""Inverse temperature β of NPO, as in the paper. For β → 0 the gradient is that of ascent."""
SIMNPO_BETA, SIMNPO_GAMMA = 2.5, 0.0
"""Inverse temperature β and reward margin γ of SimNPO, as in the paper's experiments."""


def npo_loss(
    log_probs: Tensor, targets: Tensor, reference: Tensor | None = None, *, beta: float = NPO_BETA
) -> Tensor:
    """Return −2/β · log σ(−β · (log p(x_i) − log p_ref(x_i))) of each target [n].

    Zhang et al. 2024 (arXiv 2404.05868), equation 3, applied to each target token instead of a
    sequence. The gradient is that of ascent, times 2σ(β · (log p − log p_ref)).
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
    """Return −2/β · log σ(−β · log p(x_i) − γ) of each target [n]: NPO without a reference model.

    Fan et al. 2024 (arXiv 2410.07163), equation 4, for sequences of length 1. The gradient is that
    of ascent, times 2σ(β · log p + γ), which is 1 at log p = −γ/β.
    """
    score = beta * target_log_probs(log_probs, targets) + gamma
    return 2 / beta * softplus(score)


npo = Objective(
    "npo",
    npo_loss,
    "text",
    "Zhang et al. 2024, arXiv 2404.05868",
    "makes the target tokens less likely, by negative preference optimisation: ascent that slows "
    "down once a token is less likely than in the original model",
    beta=NPO_BETA,
)
simnpo = Objective(
    "simnpo",
    simnpo_loss,
    "none",
    "Fan et al. 2024, arXiv 2410.07163",
    "makes the target tokens less likely, by negative preference optimisation without a reference "
    "model: ascent that slows down once a token is unlikely",
    beta=SIMNPO_BETA,
    gamma=SIMNPO_GAMMA,
)
