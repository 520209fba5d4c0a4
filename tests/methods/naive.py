"""Log-probabilities with a prefix, text by text, from plain transformers."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from fairforget.models.language_model import LanguageModel


def logits_after(language_model: LanguageModel, prefix: str | None, ids: Sequence[int]) -> Tensor:
    """The logits [tokens, vocabulary] at each token of a text that follows a prefix."""
    start = language_model.start_id
    before: list[int] = []
    if prefix is not None:
        before = [start, *language_model.tokenizer(prefix, add_special_tokens=False)["input_ids"]]
    rest = ids[1:] if prefix is not None and ids[0] == start else ids
    with torch.no_grad():
        logits: Tensor = language_model.model(
            input_ids=torch.tensor([[*before, *rest]], device=language_model.device),
            use_cache=False,
        ).logits
    return logits[0, -len(ids) :]


def self_debias(
    language_model: LanguageModel, descriptions: Sequence[str], ids: Sequence[int]
) -> Tensor:
    """p̃ [tokens, vocabulary], as the authors' code computes it."""
    plain = logits_after(language_model, None, ids).softmax(-1)
    biased = [logits_after(language_model, text, ids).softmax(-1) for text in descriptions]
    decay = (torch.stack(biased).amax(0) - plain).clamp(min=0)
    changed = plain * (-50 * decay).exp().clamp(min=0.01)
    return changed / changed.sum(-1, keepdim=True)


def token_scores(distributions: Tensor, ids: Sequence[int]) -> Tensor:
    """log p of each token after the first, from the distributions [tokens, vocabulary]."""
    return distributions[:-1].gather(1, torch.tensor(ids)[1:, None])[:, 0].log()
