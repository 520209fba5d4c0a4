"""Unlearn the association: a word about a group becomes as likely as about anyone."""

from __future__ import annotations

from torch import Tensor

from fairforget.objectives.objective import Objective


def neutral_loss(log_probs: Tensor, targets: Tensor, reference: Tensor | None = None) -> Tensor:
    """KL(p_original(· | neutral text) ‖ p(· | text)) in nats at each target.

    Its floor is 0, where the model expects after "women are" what the original expects after
    "people are". This project's; kin to Auto-Debias (Guo et al. 2022, ACL), which equalises the
    distributions of masked models over prompts.
    """
    assert reference is not None
    return (reference.exp() * (reference - log_probs)).sum(-1)


neutral = Objective("neutral", neutral_loss, "neutral text", "this project; kin: Guo et al. 2022")
