"""Negative preference optimisation: ascent that slows down where a token is unlikely already."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import softplus

from fairforget.objectives.objective import Objective, target_log_probs

NPO_BETA = 0.1
"""β of NPO, as in the paper: towards 0 the loss becomes plain ascent."""
SIMNPO_BETA, SIMNPO_GAMMA = 2.5, 0.0
"""β and reward margin γ of SimNPO, as in the paper's experiments."""


def npo_loss(log_probs: Tensor, targets: Tensor, reference: Tensor | None = None) -> Tensor:
    """−2/β · log σ(−β · (log p(x_i) − log p_original(x_i))), per target token.

    Zhang et al. 2024 (arXiv 2404.05868), equation 3, there per sequence; here each target token
    is what shall become less likely.
    """
    assert reference is not None
    ratio = target_log_probs(log_probs, targets) - target_log_probs(reference, targets)
    return 2 / NPO_BETA * softplus(NPO_BETA * ratio)


def simnpo_loss(log_probs: Tensor, targets: Tensor, reference: Tensor | None = None) -> Tensor:
    """−2/β · log σ(−β · log p(x_i) − γ), per target token: NPO without a reference.

    Fan et al. 2024 (arXiv 2410.07163), equation 4; of one token, the normalised length is 1.
    """
    score = SIMNPO_BETA * target_log_probs(log_probs, targets) + SIMNPO_GAMMA
    return 2 / SIMNPO_BETA * softplus(score)


npo = Objective("npo", npo_loss, "same text", "Zhang et al. 2024, arXiv 2404.05868")
simnpo = Objective("simnpo", simnpo_loss, "none", "Fan et al. 2024, arXiv 2410.07163")
