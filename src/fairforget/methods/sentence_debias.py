"""SentenceDebias (Liang et al. 2020): project out the directions in which groups differ most."""

from __future__ import annotations

import torch
from torch import Tensor

from fairforget.methods.erasure import erase
from fairforget.methods.group_sentences import SENTENCE_FILES
from fairforget.methods.method import Method, MethodOptions
from fairforget.models.language_model import LanguageModel

COMPONENTS = 1
"""Number of directions erased per domain, as in the paper and in Bias Bench."""


def projection(states: Tensor, components: int = COMPONENTS) -> Tensor:
    """Return I − V Vᵀ, with the first principal components V of the differences within sets.

    As in Bias Bench, states are scaled to unit length and centred within each set. The principal
    components are those of all sets together (Liang et al. 2020, Algorithm 1).

    Args:
        states: [sets, groups, d] of sentences that differ only in the group.
        components: number of directions to erase.

    Returns:
        [d, d], symmetric and idempotent.
    """
    unit = states / states.norm(dim=-1, keepdim=True)
    centred = (unit - unit.mean(1, keepdim=True)).flatten(0, 1)
    directions: Tensor = torch.linalg.svd(centred, full_matrices=False).Vh[:components]
    erased = directions.T @ directions
    return torch.eye(len(erased), dtype=states.dtype) - erased


def _apply(language_model: LanguageModel, options: MethodOptions) -> LanguageModel:
    return erase(language_model, options, projection)


sentence_debias = Method(
    name="sentence-debias",
    apply=_apply,
    paper="Liang et al. 2020, ACL",
    summary="removes from the last hidden state the first principal component of the "
    "differences between sentences that differ only in the group",
    files=SENTENCE_FILES,
)
