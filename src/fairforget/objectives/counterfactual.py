"""Unlearn the association: a word about a group becomes as likely as about anyone."""

from __future__ import annotations

from torch import Tensor

from fairforget.objectives.objective import Objective, target_log_probs

PAPER = "this project; kin: Guo et al. 2022, ACL (Auto-Debias)"


def kl_loss(log_probs: Tensor, targets: Tensor, reference: Tensor | None = None) -> Tensor:
    """KL(p_original(· | neutral text) ‖ p(· | text)) in nats at each target.

    Its floor is 0, where the model expects after "women are" what the original expects after
    "people are". Auto-Debias equalises the distributions of masked models over prompts.
    """
    assert reference is not None
    return (reference.exp() * (reference - log_probs)).sum(-1)


def excess_loss(log_probs: Tensor, targets: Tensor, reference: Tensor | None = None) -> Tensor:
    """max(0, log p(x_i | text) − log p_original(x_i | neutral text)) in nats.

    Only what the group makes likelier than anyone would is taken away, target by target; words
    that the group makes unlikelier stay as they are.
    """
    assert reference is not None
    excess = target_log_probs(log_probs, targets) - target_log_probs(reference, targets)
    return excess.clamp(min=0)


counterfactual_kl = Objective("counterfactual-kl", kl_loss, "counterfactual", PAPER)
counterfactual_excess = Objective("counterfactual-excess", excess_loss, "counterfactual", PAPER)
