"""The trait objective: among trait words, the group makes no difference; all else stays.

After "women are" the model distributes the probability of trait words as the original model does
after "people are". Their total probability, and every other word, stay as they were after the
group. After an occupation, the same holds for "he", "she" and the other pronouns with a gender.
Harmful words become no more likely after other groups, and stay as likely as before in retained
texts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn.functional import huber_loss

from fairforget.objectives.counterfactual import kl_loss
from fairforget.objectives.objective import Objective

if TYPE_CHECKING:
    from torch import Tensor

    from fairforget.objectives.trait_words import TraitWords

HARM_WEIGHT = 0.3
"""Weight of the losses on harmful words, in forget and in retain texts. Without them, the group
adds more to harmful words than before training. At 1, and without the loss in retain texts,
perplexity exceeded its limit (SmolLM2, one seed)."""
LOSS_CONSTANTS = (HARM_WEIGHT,)
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


def harmful_excess_loss(
    log_probs: Tensor, reference: Tensor, words: TraitWords, gender_neutral: Tensor | None
) -> Tensor:
    """Return w · mean of Huber(max(0, log p(h) − log q(h))) over the harmful words h, per token.

    For target tokens, with the target q of `trait_target`: a harmful word may be less likely than
    in the target, but not likelier. The KL divergence hardly depends on harmful words, because they
    are so unlikely. Texts about words without a gender are left out: with them, the gap between
    "he" and "she" hardly changed (SmolLM2, one seed).

    Args:
        log_probs: log p [n, vocabulary].
        reference: log q [n, vocabulary].
        words: which words are harmful.
        gender_neutral: [n] whether the words for the group have no gender, as with occupations.

    Returns:
        [n] losses: d² / 2 for differences d up to 1 nat, linear beyond; 0 if no word is harmful.
    """
    assert gender_neutral is not None
    mine, theirs = log_probs[:, words.harmful_ids], reference[:, words.harmful_ids]
    return _mean_huber(mine.maximum(theirs), theirs) * ~gender_neutral


def harmful_change_loss(
    log_probs: Tensor, reference: Tensor, words: TraitWords, gender_neutral: Tensor | None = None
) -> Tensor:
    """Return w · mean of Huber(log p(h) − log p_ref(h)) over the harmful words h, for each token.

    For retain texts. Without it, harmful words become less likely in all texts.

    Args:
        log_probs: log p [n, vocabulary].
        reference: log p_ref [n, vocabulary].
        words: which words are harmful.
        gender_neutral: not used; retain texts need not be about a group.

    Returns:
        [n] losses: d² / 2 for differences d up to 1 nat, linear beyond; 0 if no word is harmful.
    """
    return _mean_huber(log_probs[:, words.harmful_ids], reference[:, words.harmful_ids])


def _mean_huber(mine: Tensor, theirs: Tensor) -> Tensor:
    """Return w · mean of the Huber losses in each row of two [n, words]; 0 without words."""
    if not mine.shape[-1]:
        return mine.new_zeros(len(mine))
    return HARM_WEIGHT * huber_loss(mine, theirs, reduction="none").mean(-1)


trait_kl = Objective(
    "trait-kl",
    kl_loss,
    "both",
    PAPER,
    "distributes the probability of trait words (words that say what somebody is like) after a "
    "group, and that of he, she and similar pronouns after an occupation, as the original model "
    "does after a neutral word; preserves the probability of all other words, and aims not to make "
    "any harmful word more likely after groups other than occupations",
    default_selection="after-mention",
    target=trait_target,
    target_word_loss=harmful_excess_loss,
    retain_word_loss=harmful_change_loss,
    has_target_distribution=True,
)
