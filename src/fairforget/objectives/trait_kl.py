"""The trait objective: among trait words, the group makes no difference; all else stays.

After "women are" the model distributes the probability of trait words as the original model does
after "people are". Their total probability, and every other word, stay as they were after the
group, and no harmful word becomes more likely. After an occupation, the same holds for "he", "she"
and the other pronouns with a gender. After neutral words, harmful words stay as likely as before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn.functional import huber_loss

from fairforget.objectives.counterfactual import kl_loss
from fairforget.objectives.objective import Objective, target_log_probs

if TYPE_CHECKING:
    from torch import Tensor

    from fairforget.objectives.trait_words import TraitWords

CAP_SLACK = 0.01
"""Nats by which a token may rise before the second term acts. Without it, rounding would decide
about the gradient wherever the model still equals its target, as at the first step."""
CAP_WEIGHT = 0.05
"""Weight of the second term. At 1 it dominates, and costs perplexity as ascent does."""
NEUTRAL_WEIGHT = 1.0
"""Weight of the loss on neutral texts. Without it, the group adds more to harmful words than it did
before training."""
LOSS_CONSTANTS = (CAP_SLACK, CAP_WEIGHT, NEUTRAL_WEIGHT)
"""Constants of the losses, which a run's result depends on."""
PAPER = "this project; related: Liu et al. 2021, ACL (DExperts)"


def trait_target(
    group: Tensor, neutral: Tensor, words: TraitWords, gender_neutral: Tensor
) -> Tensor:
    r"""Return the log-probabilities that the trait objective trains towards.

    Outside the trait words V the target is the original p_g after the group. Within V, the mass
    p_g(V) is distributed in proportion to the original p_n after the neutral word. A harmful word
    gets at most p_g; what it gives up goes to the other words of V. Where the words for the group
    have no gender, the mass of the pronouns is distributed in the same way.

    Args:
        group: log p_g [n, vocabulary], of the original model after the group.
        neutral: log p_n [n, vocabulary], of the original model after the neutral word.
        words: V, which of its words are harmful, and the pronouns.
        gender_neutral: [n] whether the words for the group have no gender.

    Returns:
        [n, vocabulary] log-probabilities, each row normalised as `group` is.
    """
    harmful, harmless = words.harmful_places, words.harmless_places
    target = group.clone()
    if len(words.pronouns):
        own, other = group[:, words.pronouns], neutral[:, words.pronouns]
        shares = own.logsumexp(-1, keepdim=True) + other.log_softmax(-1)
        target[:, words.pronouns] = torch.where(gender_neutral[:, None], shares, own)
    if not len(harmless):  # nothing could take what harmful words give up
        return target
    own, other = group[:, words.ids], neutral[:, words.ids]
    mass = own.logsumexp(-1, keepdim=True)
    shares = (mass + other.log_softmax(-1)).minimum(own)
    harmful_part = (shares[:, harmful].logsumexp(-1, keepdim=True) - mass).exp().clamp(max=1)
    # at least the original mass of the harmless words, but for rounding
    rest = (mass + torch.log1p(-harmful_part)).maximum(own[:, harmless].logsumexp(-1, keepdim=True))
    shares[:, harmless] = rest + other[:, harmless].log_softmax(-1)
    target[:, words.ids] = shares
    return target


def capped_kl_loss(log_probs: Tensor, targets: Tensor, reference: Tensor | None = None) -> Tensor:
    """Return KL(q ‖ p) + w · max(0, log p(x_i) − log q(x_i) − s) of each target [n], in nats.

    `reference` is log q, from `trait_target`. Harmful words are so unlikely that the KL divergence
    hardly depends on them; the second term keeps the tokens of the biased text from becoming
    more likely than in the target. The minimum is 0, at p = q.
    """
    assert reference is not None
    rise = target_log_probs(log_probs, targets) - target_log_probs(reference, targets)
    return kl_loss(log_probs, targets, reference) + CAP_WEIGHT * (rise - CAP_SLACK).clamp(min=0)


def harmful_words_loss(log_probs: Tensor, reference: Tensor, words: TraitWords) -> Tensor:
    """Return w · mean of Huber(log p(h) − log p_ref(h)) over the harmful words h, for each token.

    For neutral texts that are retained. Without it, harmful words become less likely after neutral
    words, on average by more than after groups, so the group adds more to them than before. They
    are so unlikely that the KL divergence of the retain loss hardly depends on them.

    Args:
        log_probs: log p [n, vocabulary].
        reference: log p_ref [n, vocabulary], of the original model on the same text.
        words: which words are harmful.

    Returns:
        [n] losses: d² / 2 for differences d up to 1 nat, linear beyond; 0 if no word is harmful.
    """
    harmful = words.harmful_ids
    if not len(harmful):
        return log_probs.new_zeros(len(log_probs))
    losses = huber_loss(log_probs[:, harmful], reference[:, harmful], reduction="none")
    return NEUTRAL_WEIGHT * losses.mean(-1)


trait_kl = Objective(
    "trait-kl",
    capped_kl_loss,
    "both",
    PAPER,
    "distributes the probability of trait words (words that say what somebody is like) after a "
    "group, and that of he, she and similar pronouns after an occupation, as the original model "
    "does after a neutral word; preserves the probability of all other words, and aims not to make "
    "any harmful word more likely",
    default_selection="after-mention",
    target=trait_target,
    neutral_loss=harmful_words_loss,
    has_target_distribution=True,
)
