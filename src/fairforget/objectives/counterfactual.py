"""Counterfactual objectives: a word becomes as likely after a group as after a neutral word.

They unlearn the association between the group and the word, not the word itself.
"""

from __future__ import annotations

from torch import Tensor

from fairforget.objectives.objective import Objective, target_log_probs

PAPER = "this project; related: Guo et al. 2022, ACL (Auto-Debias)"


def kl_loss(log_probs: Tensor, targets: Tensor, reference: Tensor | None = None) -> Tensor:
    """Return KL(p_ref(· | counterfactual text) ‖ p(· | text)) of each target [n], in nats.

    The minimum is 0: the model predicts after "women are" what the reference model predicts after
    "people are". Auto-Debias equalises the distributions of masked models over prompts.
    """
    assert reference is not None
    return (reference.exp() * (reference - log_probs)).sum(-1)


def excess_loss(log_probs: Tensor, targets: Tensor, reference: Tensor | None = None) -> Tensor:
    """Return max(0, log p(x_i | text) − log p_ref(x_i | counterfactual text)) of each target [n].

    In nats. Removes only what the group adds to a target's likelihood. Targets that the group makes
    less likely stay as they are.
    """
    assert reference is not None
    excess = target_log_probs(log_probs, targets) - target_log_probs(reference, targets)
    return excess.clamp(min=0)


counterfactual_kl = Objective(
    "counterfactual-kl",
    kl_loss,
    "counterfactual",
    PAPER,
    "matches, after a mention of a group, the original model’s predictions on the counterfactual "
    "text, in which the mention is replaced",
    default_selection="mention-to-span",
    has_target_distribution=True,
)
counterfactual_excess = Objective(
    "counterfactual-excess",
    excess_loss,
    "counterfactual",
    PAPER,
    "makes the target tokens no more likely after a mention of a group than they are for the "
    "original model on the counterfactual text, in which the mention is replaced",
)
